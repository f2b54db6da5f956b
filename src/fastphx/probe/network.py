"""What is below HTTP: a proxy, the name, the connection, TLS."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastphx.foreign_text import visible
from fastphx.probe.asked import Asked
from fastphx.probe.finding import Finding, shown_ms
from fastphx.transports.endpoint import shown_url
from fastphx.transports.own_limits import os_error_text, ran_out
from fastphx.transports.proxy import environment_proxy

MAX_ADDRESSES = 8
"""Of a name, that are tried."""
MAX_NAMES = 5
"""Of a certificate, that are shown."""
LEAST_VALID_S = 14 * 86400.0
"""A certificate that ends sooner is told of."""

PROXY_PORTS = {"http": 80, "https": 443}
SOCKS_PORT = 1080

Address = tuple[Any, ...]
"""As ``socket.getaddrinfo`` gives it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection goes first: to the server, or to the proxy before it."""

    host: str
    port: int
    timeout_s: float
    is_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where connections go through; *url* None: nowhere."""

    url: str | None
    finding: Finding


def look_for_proxy(asked: Asked) -> Proxy:
    """Which proxy the environment names for this server."""
    try:
        url = environment_proxy(asked.host, asked.port, secure=asked.is_secure)
    except ValueError as error:
        return Proxy(None, Finding("proxy", "wrong", str(error), "correct that variable, or unset it"))
    if url is None:
        return Proxy(None, Finding("proxy", "ok", "none: connections go directly"))
    text = f"the environment names {shown_url(url)}, through which sockets go; fastphx load goes directly"
    return Proxy(url, Finding("proxy", "ok", text))


def place_of(asked: Asked, proxy: Proxy) -> Place:
    """Where a connection to the server goes first."""
    if proxy.url is None:
        return Place(asked.host, asked.port, asked.timeout_s)
    parts = urlsplit(proxy.url)
    port = parts.port or PROXY_PORTS.get(parts.scheme, SOCKS_PORT)
    return Place(parts.hostname or "", port, asked.timeout_s, is_proxy=True)


async def look_up(asked: Place) -> tuple[list[Address], Finding]:
    """The addresses of the host."""
    try:
        async with asyncio.timeout(asked.timeout_s):
            found = await _getaddrinfo(asked.host, asked.port)
    except TimeoutError:
        text = f"{asked.host} was not looked up within {asked.timeout_s:g} s"
        return [], Finding("DNS", "wrong", text, "see whether this machine has a network and a name server")
    except OSError as error:
        text = f"{asked.host} is not known ({error.strerror or error})"
        return [], Finding("DNS", "wrong", text, "correct the name, or write the server's address")
    except UnicodeError:
        return [], Finding("DNS", "wrong", f"{asked.host} is no name of a host", "correct the name")
    names = list(dict.fromkeys(str(address[4][0]) for address in found))
    more = f" and {len(names) - MAX_ADDRESSES} more" if len(names) > MAX_ADDRESSES else ""
    what = f"the proxy {asked.host}" if asked.is_proxy else asked.host
    if names == [asked.host]:
        return found, Finding("DNS", "ok", f"{what} is an address")
    return found, Finding("DNS", "ok", f"{what} is {', '.join(names[:MAX_ADDRESSES])}{more}")


async def _getaddrinfo(host: str, port: int) -> list[Address]:
    """In a thread that nobody waits for: the system's resolver cannot be told to stop."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[Address]] = loop.create_future()

    def settle(addresses: list[Address] | None, error: Exception | None) -> None:
        if found.done():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses or [])

    def ask() -> None:
        addresses, failure = None, None
        try:
            addresses = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            failure = error
        # The loop may have ended meanwhile.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, addresses, failure)

    try:
        threading.Thread(target=ask, daemon=True).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from None
    return await found


async def look_at_addresses(asked: Place, addresses: list[Address]) -> tuple[bool, Finding]:
    """Whether something listens there, and what to say of it. A client tries them in this order."""
    took: list[str] = []
    failed: dict[str, str] = {}
    was_slow = ran_out_here = False
    for family, kind, number, _, address in addresses[:MAX_ADDRESSES]:
        name, began_s = str(address[0]), time.monotonic()
        try:
            await _connect(asked, family, kind, number, address)
        except TimeoutError:
            failed[name] = f"no answer within {asked.timeout_s:g} s"
            was_slow = was_slow or not took
        except ConnectionRefusedError:
            failed[name] = "the connection was refused"
        except OSError as error:
            failed[name] = os_error_text(error)
            ran_out_here = ran_out_here or ran_out(error)
        else:
            took.append(
                f"{name} port {asked.port} took a connection in {shown_ms(time.monotonic() - began_s)}"
            )
    others = [f"{name}: {why}" for name, why in failed.items()]
    text = "; ".join([*took[:1], *others])
    if not took:
        return False, Finding("TCP", "wrong", text, _to_do(asked, set(failed.values()), ran_out_here))
    if was_slow:
        to_do = "write the address that answers instead of the name: each connection waits for the others"
        return True, Finding("TCP", "wrong", text, to_do)
    return True, Finding("TCP", "ok", text)


async def _connect(asked: Place, family: int, kind: int, number: int, address: Any) -> None:
    with socket.socket(family, kind, number) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(asked.timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, address)


def _to_do(asked: Place, why: set[str], ran_out_here: bool) -> str:
    if ran_out_here:
        return "end what takes so much of this machine, or raise its limits"
    if asked.is_proxy:
        return "correct the variable that names the proxy, or list the server in NO_PROXY"
    if why == {"the connection was refused"}:
        return f"start the server (mix phx.server), or correct the port: nothing listens on {asked.port}"
    return "see whether the address is right, and whether a firewall lets this machine through"


async def look_at_tls(asked: Asked) -> tuple[bool, Finding]:
    """Whether the server speaks TLS with a certificate that this machine trusts, and what to say of it."""
    if not asked.is_secure:
        return True, Finding("TLS", "absent", "not asked for: the URL has no https or wss")
    began_s = time.monotonic()
    try:
        version, certificate = await _handshake(asked, asked.tls_context())
    except ssl.SSLCertVerificationError as error:
        text = f"the server's certificate is not accepted ({visible(error.verify_message)})"
        return False, Finding("TLS", "wrong", text, trusting(asked, error.verify_message))
    except TimeoutError:
        text = f"the TLS handshake was not answered within {asked.timeout_s:g} s"
        return False, Finding("TLS", "wrong", text, f"if the port speaks no TLS, write {asked.other_scheme}")
    except (OSError, ssl.SSLError) as error:
        text = (
            f"the TLS handshake failed ({visible(getattr(error, 'reason', None) or str(error) or 'closed')})"
        )
        return False, Finding("TLS", "wrong", text, f"if the port speaks no TLS, write {asked.other_scheme}")
    took = shown_ms(time.monotonic() - began_s)
    if not certificate:
        return True, Finding("TLS", "ok", f"{version} in {took}; no certificate is looked at (--insecure)")
    left_s = ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()
    text = f"{version} in {took}; the certificate is valid for {left_s / 86400:,.0f} days more"
    if left_s < LEAST_VALID_S:
        return True, Finding("TLS", "wrong", text, "renew the certificate soon")
    return True, Finding("TLS", "ok", text)


async def speaks_tls(asked: Asked) -> bool:
    """Whether a server that was asked without TLS would answer with it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        await _handshake(asked, context)
    except (OSError, ssl.SSLError):
        return False
    return True


async def _handshake(asked: Asked, context: ssl.SSLContext) -> tuple[str, dict[str, Any]]:
    """The version, and what the certificate says; empty where it was not verified."""
    async with asyncio.timeout(asked.timeout_s):
        _, writer = await asyncio.open_connection(
            asked.host, asked.port, ssl=context, server_hostname=asked.host
        )
    try:
        connection = writer.get_extra_info("ssl_object")
        return str(connection.version()), dict(connection.getpeercert() or {})
    finally:
        writer.transport.abort()


def trusting(asked: Asked, why: str) -> str:
    """What to do where the server's certificate is not accepted, for the reason that OpenSSL gives."""
    if "expired" in why or "not yet valid" in why:
        return "renew the certificate, or correct this machine's clock"
    if "mismatch" in why:
        return f"write the name that the certificate is for instead of {asked.host}"
    return "give the certificate of who signed it, with --ca FILE; or --insecure, for a test alone"
