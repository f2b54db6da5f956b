"""One connection attempt: one deadline for all of it, and a ``ConnectError`` for every failure."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import re
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from multidict import CIMultiDict

from fastphx.errors import MAX_BODY_BYTES, ConnectError, clip
from fastphx.protocol.sink import FrameSink
from fastphx.transports.base import ConnectionOwner
from fastphx.transports.endpoint import Endpoint, endpoint, shown_url
from fastphx.transports.options import ConnectOptions
from fastphx.transports.own_limits import os_error_text, ran_out
from fastphx.transports.redaction import redacted
from fastphx.transports.retry_after import retry_after_s
from fastphx.transports.source_address import bind
from fastphx.transports.unix_socket import open_unix_connection
from fastphx.transports.websocket.client_handshake import ClientHandshake, HandshakeError
from fastphx.transports.websocket.deflate import NegotiationError, agree_as_client
from fastphx.transports.websocket.link import WebSocketLink

MAX_SHOWN_PATH = 120
"""How much of a Unix domain socket's path a ``ConnectError`` shows. Linux allows 107 bytes."""

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?= |\r|$)")
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([^\r\n]*)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*([^\r\n]*)", re.IGNORECASE)
_SET_COOKIE = re.compile(rb"\r\nset-cookie:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_CONTENT_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*(?=\r|\Z)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")


_DEFAULT_OPTIONS = ConnectOptions()

# Thousands of sockets of one load run have the same URL, and parsing it costs a third of connecting. Only a
# few URLs are kept, because a URL may hold a token.
_KEPT_URLS = 8


async def connect(
    url: str, sink: FrameSink, owner: ConnectionOwner, options: ConnectOptions | None = None
) -> WebSocketLink:
    """Connect to *url*, deliver messages to *sink*, and tell *owner* what happens to the connection.

    The URL's query must be complete (see ``endpoint_url``). ``owner.notify_connected`` is called before this
    returns. Messages may arrive before it returns, and the connection may even be gone by then, so rely on
    what *owner* is told. Redirects are not followed: a token must not go to a place that nobody named.

    Raises :class:`~fastphx.errors.ConnectError` for a failed attempt, of which *owner* is told nothing, and
    ``ValueError`` for an invalid URL, or an invalid proxy in the environment. If it is cancelled, the
    connection is cut.
    """
    to = _endpoint(url)
    options = (options or _DEFAULT_OPTIONS).with_cookies(url)
    proxy = options.proxy_to(to.host, to.port, secure=to.is_secure)
    link = WebSocketLink(
        sink,
        owner,
        max_message_size=options.max_message_size,
        max_write_buffer=options.max_write_buffer,
        max_pause_s=options.max_pause,
        keepalive_s=options.keepalive,
        read_interval_s=options.read_interval,
        validate_utf8=options.validate_utf8,
    )
    offered = options.offered_subprotocols()

    def accept(answer: CIMultiDict[str]) -> None:
        _check_subprotocol(answer, offered, url, options)
        _use_extension(answer, link, url, options)
        _store_cookies(answer.getall("Set-Cookie", ()), url, options)

    headers = list(options.extra_headers)
    if offered:
        headers.append(("Sec-WebSocket-Protocol", ", ".join(offered)))
    if options.deflate is not None:
        headers.append(("Sec-WebSocket-Extensions", options.deflate.offer()))
    handshake = ClientHandshake(to.authority, to.resource, headers, accept)
    link.redact = functools.partial(redacted, url=url, options=options)
    reader = link.new_reader(handshake, asyncio.get_running_loop())
    is_open = False
    try:
        async with asyncio.timeout(options.connect_timeout):
            await _open(reader, url, to, options, proxy)
            is_open = True
            is_answered = await handshake.wait()
    except BaseException as error:
        if not is_open and handshake.transport is not None:
            link.abort()
            # The loop has closed the connection before it returned it: uvloop tells nobody, and the owner may
            # know of it.
            asyncio.get_running_loop().call_soon(reader.connection_lost, None)
        if isinstance(error, TimeoutError) and link.was_connected:
            # The answer came in the same turn of the loop in which the time was up: the owner knows of it.
            return link
        # Without this, a cancelled attempt could still be answered, and would live on without an owner.
        handshake.give_up()
        link.abort()
        if handshake.transport is not None:
            handshake.transport.abort()
        if isinstance(error, ConnectError) or not isinstance(error, Exception):
            raise
        if isinstance(error, OSError):
            error = _same_of_all_addresses(error)
        if reader.refusal is not None:
            raise _refused(reader.refusal, url, options) from None
        via = "" if proxy is None else " through the proxy"
        if options.socket_path is not None:
            via = f" at the socket {clip(str(options.socket_path), MAX_SHOWN_PATH)}"
        # Only an OSError is shown with it: others quote the server as it was. No error gets a name that
        # stays: its traceback has this frame, and they would be a circle.
        raise _explained(error, url, options, via, sent=handshake.transport is not None) from (
            error if isinstance(error, OSError) else None
        )
    if not is_answered:
        link.abort()
        raise _cannot_connect(url, "the server closed the connection before it answered")
    return link


_endpoint = functools.lru_cache(maxsize=_KEPT_URLS)(endpoint)


async def _open(protocol: Any, url: str, to: Endpoint, options: ConnectOptions, proxy: str | None) -> None:
    """Connect *protocol* over TCP, TLS or a Unix domain socket, through the proxy if there is one."""
    loop = asyncio.get_running_loop()
    context = _tls_context(options) if to.is_secure else None
    server_hostname = to.host if to.is_secure else None
    if options.socket_path is not None:
        await open_unix_connection(protocol, str(options.socket_path), options.socket_opts, context, to.host)
        return
    make_socket = None
    if options.socket_opts or options.local_addr is not None:
        make_socket = functools.partial(_connected_socket, options=options)
    sock = None
    if proxy is not None:
        # It takes as long to import as everything else that a connection needs.
        from fastphx.transports.proxy_tunnel import open_tunnel

        tunnel = await open_tunnel(url, proxy, make_socket, _tls_context(options))
        if not isinstance(tunnel, socket.socket):
            await _move_into(tunnel, protocol, context, server_hostname)
            return
        sock = tunnel
    elif make_socket is not None:
        sock = await make_socket(to.host, to.port)
    if sock is None:
        await loop.create_connection(lambda: protocol, to.host, to.port, ssl=context)
    else:
        await loop.create_connection(
            lambda: protocol, sock=sock, ssl=context, server_hostname=server_hostname
        )


async def _move_into(
    tunnel: asyncio.Transport, protocol: Any, context: ssl.SSLContext | None, server_hostname: str | None
) -> None:
    """Hand an open connection to *protocol*, with TLS inside of it if there is a *context*."""
    transport: asyncio.Transport | None = tunnel
    try:
        if context is not None:
            transport = await asyncio.get_running_loop().start_tls(
                tunnel, tunnel.get_protocol(), context, server_hostname=server_hostname
            )
            if transport is None:
                raise ConnectionResetError(errno.ECONNRESET, "the connection closed while TLS started")
        assert transport is not None
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
    except BaseException:
        tunnel.abort()
        raise


async def _connected_socket(host: str, port: int, options: ConnectOptions) -> socket.socket:
    """A socket with the user's options and address, connected to the first address that takes it."""
    loop = asyncio.get_running_loop()
    infos = _address_of_literal(host, port) or await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if options.local_addr is not None:
        wanted = socket.AF_INET6 if ":" in options.local_addr[0] else socket.AF_INET
        infos = [info for info in infos if info[0] == wanted]
        if not infos:
            what = f"the host has no address of the kind of {options.local_addr[0]}"
            raise OSError(errno.EAFNOSUPPORT, what)
    failure: OSError | None = None
    for family, kind, number, _, address in infos:
        sock = socket.socket(family, kind, number)
        try:
            sock.setblocking(False)
            for option in options.socket_opts:
                sock.setsockopt(*option)
            if options.local_addr is not None:
                bind(sock, options.local_addr)
            await loop.sock_connect(sock, address)
        except OSError as error:
            failure = failure or error
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    try:
        raise failure or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    finally:
        # As in `connect`: it would be a circle with this frame.
        del failure


def _address_of_literal(host: str, port: int) -> list[tuple[Any, ...]]:
    """For an IP address, what a name lookup would return, without the lookup's thread; empty for a name."""
    for family, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *rest))]
    return []


def _tls_context(options: ConnectOptions) -> ssl.SSLContext:
    return options.ssl or _shared_tls_context(options.ssl_verify)


@functools.cache
def _shared_tls_context(verify: bool) -> ssl.SSLContext:
    # Shared: making one takes a hundred times as long as making a connection.
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _check_subprotocol(
    answer: CIMultiDict[str], offered: tuple[str, ...], url: str, options: ConnectOptions
) -> None:
    """Fail if the server chose a sub-protocol that was not offered, or several (RFC 6455 section 4.1)."""
    chosen = ", ".join(answer.getall("Sec-WebSocket-Protocol", ()))
    if chosen and chosen not in offered:
        quoted = _quoted(chosen.encode("utf-8", "surrogateescape"), url, options)
        raise _cannot_connect(url, f"the server chose the sub-protocol {quoted}, which was not offered", 101)


def _use_extension(answer: CIMultiDict[str], link: WebSocketLink, url: str, options: ConnectOptions) -> None:
    """Use what was agreed, and fail if the answer does not fit the offer (RFC 7692 section 7.1)."""
    try:
        agreement = agree_as_client(answer.getall("Sec-WebSocket-Extensions", ()), options.deflate)
    except NegotiationError as error:
        what = redacted(str(error).encode("utf-8", "backslashreplace"), url, options).decode()
        raise _cannot_connect(url, what, 101) from None
    if agreement is not None:
        link.use_deflate(agreement.client_stream(options.max_message_size))


def _store_cookies(set_cookies: Sequence[str], url: str, options: ConnectOptions) -> None:
    if set_cookies and options.cookies is not None:
        options.cookies.store(url, set_cookies)


def _cannot_connect(
    url: str,
    what: str,
    status: int | None = None,
    body: bytes = b"",
    *,
    via: str = "",
    retry_after: float | None = None,
    is_local: bool = False,
) -> ConnectError:
    """One sentence; the URL's query is left out."""
    message = f"cannot connect to {shown_url(url)}{via}: {what}"
    return ConnectError(message, status=status, body=body, retry_after=retry_after, is_local=is_local)


def _quoted(sent: bytes, url: str, options: ConnectOptions) -> str:
    return clip(redacted(sent, url, options))


def _refused(answer: bytes, url: str, options: ConnectOptions) -> ConnectError:
    """Say what an answer other than 101 means."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if _CHUNKED.search(head):
        body = _unchunked(body)
    elif announced := _CONTENT_LENGTH.search(head):
        # What came behind it in the same read is none of it.
        body = body[: int(announced[1])]
    body = redacted(body, url, options)[:MAX_BODY_BYTES]
    status_line = _STATUS_LINE.match(head)
    if status_line is None:
        quoted = _quoted(head.partition(b"\r\n")[0], url, options)
        return _cannot_connect(url, f"the answer is not HTTP: {quoted}", None, body)
    status = int(status_line[1])
    _store_cookies([each.decode("latin-1") for each in _SET_COOKIE.findall(head)], url, options)
    what = f"the server answered HTTP {status}{_phrase(status)}"
    location = _LOCATION.search(head)
    if location is not None:
        target = redacted(location[1], url, options).decode("latin-1")
        what += f", a redirect to {shown_url(target)}, which is not followed"
    elif body:
        what += f": {clip(body)}"
    asked = _RETRY_AFTER.search(head)
    retry_after = None if asked is None else retry_after_s(asked[1].decode("latin-1"))
    return _cannot_connect(url, what, status, body, retry_after=retry_after)


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _unchunked(body: bytes) -> bytes:
    """As much of a chunked body as has come (RFC 9112 section 7.1)."""
    content = b""
    while (size := _CHUNK_SIZE.match(body)) is not None:
        end = size.end() + int(size[1], 16)
        content += body[size.end() : end]
        body = body[end + 2 :]
    return content


def _explained(error: Exception, url: str, options: ConnectOptions, via: str, *, sent: bool) -> ConnectError:
    """Say in one sentence what went wrong; the URL's query and the proxy's password are left out."""
    if isinstance(error, HandshakeError):
        quoted = clip(redacted(str(error).encode(errors="backslashreplace"), url, options), 160)
        return _cannot_connect(url, f"the answer is not a WebSocket handshake: {quoted}", error.status)
    return _cannot_connect(url, _failed_connection(error, options, sent), via=via, is_local=ran_out(error))


def _failed_connection(error: Exception, options: ConnectOptions, sent: bool) -> str:
    if isinstance(error, TimeoutError) and not getattr(error, "errno", None):
        stage = "the server did not answer the handshake" if sent else "no connection"
        return f"{stage} within {options.connect_timeout:g} s"
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({error.strerror})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate was not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, ConnectionResetError) and not error.errno:
        # Both loops raise it without a text if the other side leaves during the TLS handshake.
        return "the connection was closed while TLS started"
    if isinstance(error, OSError):
        return os_error_text(error, None if options.local_addr is None else options.local_addr[0])
    return f"{type(error).__name__}: {clip(str(error), 160)}"


def _same_of_all_addresses(error: OSError) -> OSError:
    """The error of every address of a host name, if the loop lists them in one text and all are the same."""
    numbers = set(_ERRNO.findall(str(error))) if error.errno is None else set()
    return OSError(number := int(numbers.pop()), os.strerror(number)) if len(numbers) == 1 else error
