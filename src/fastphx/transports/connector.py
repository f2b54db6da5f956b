"""One connection attempt: one deadline for all of it, and a ``ConnectError`` for every failure."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import os
import re
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from picows import WSAutoPingStrategy, WSHandshakeError, WSUpgradeRequest, WSUpgradeResponse
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from picows.proxy import ConnectedTransport, connect_through_optional_proxy
from picows.url import WSParsedURL, parse_url

from fastphx.errors import MAX_BODY_BYTES, ConnectError, clip
from fastphx.protocol.sink import FrameSink
from fastphx.transports.base import ConnectionOwner
from fastphx.transports.endpoint import shown_url, split_url
from fastphx.transports.options import ConnectOptions
from fastphx.transports.own_limits import os_error_text, ran_out
from fastphx.transports.redaction import redacted
from fastphx.transports.retry_after import retry_after_s
from fastphx.transports.source_address import bind
from fastphx.transports.unix_socket import open_unix_connection
from fastphx.transports.websocket.deflate import NegotiationError, agree_as_client
from fastphx.transports.websocket.link import WebSocketLink
from fastphx.transports.websocket.reader import MessageReader

PICOWS_READ_BUFFER_BYTES = 2048
"""picows reads the head of the handshake's answer, and nothing else."""

MAX_SHOWN_PATH = 120
"""How much of a Unix domain socket's path a ``ConnectError`` shows. Linux allows 107 bytes."""

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?= |\r|$)")
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([^\r\n]*)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*([^\r\n]*)", re.IGNORECASE)
_SET_COOKIE = re.compile(rb"\r\nset-cookie:[ \t]*([^\r\n]*)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")


class _PicowsLogger(logging.LoggerAdapter[logging.Logger]):
    """An adapter: from a plain Logger, picows would make a Logger for each socket."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name for it
        # Below DEBUG, picows logs the whole handshake, with every token in it.
        return level >= logging.DEBUG and super().isEnabledFor(level)


# A handler that writes nothing: an error that picows logs is already reported as a typed reason.
_logger = logging.getLogger("fastphx.picows")
_logger.addHandler(logging.NullHandler())
_shared_logger = _PicowsLogger(_logger, {})

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
    parsed = _parsed(url)
    options = (options or _DEFAULT_OPTIONS).with_cookies(url)
    proxy = options.proxy_to(parsed.host, parsed.port, secure=parsed.is_secure)
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

    def accept(_request: WSUpgradeRequest, response: WSUpgradeResponse) -> MessageReader:
        _check_subprotocol(response, offered, url, options)
        _use_extension(response, link, url, options)
        _store_cookies(response.headers.getall("Set-Cookie", ()), url, options)
        return reader

    headers = list(options.extra_headers)
    if offered:
        headers.append(("Sec-WebSocket-Protocol", ", ".join(offered)))
    if options.deflate is not None:
        headers.append(("Sec-WebSocket-Extensions", options.deflate.offer()))
    protocol = WSProtocol(
        parsed.netloc if parsed.netloc.isascii() else parsed.netloc.encode("idna").decode(),
        parsed.resource_name,
        True,  # is_client_side
        accept,
        _shared_logger,
        True,  # disconnect_on_exception; the link lets none through
        None,  # websocket_handshake_timeout: it would begin only after TCP and TLS
        False,  # enable_auto_ping: a task a socket
        10,
        10,
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: the link must see every frame to know where a read ends
        options.max_message_size,
        headers,
        PICOWS_READ_BUFFER_BYTES,
    )
    link.redact = functools.partial(redacted, url=url, options=options)
    reader = link.new_reader(protocol, asyncio.get_running_loop())
    is_open = False
    try:
        async with asyncio.timeout(options.connect_timeout):
            await _open(reader, parsed, options, proxy)
            is_open = True
            await protocol.wait_until_handshake_complete()
    except BaseException as error:
        if not is_open and protocol.transport is not None:
            link.abort()
            asyncio.get_running_loop().call_soon(_closed_by_loop, reader, protocol)
        if isinstance(error, TimeoutError) and link.was_connected:
            # The answer came in the same turn of the loop in which the time was up: the owner knows of it.
            return link
        # Without this, a cancelled attempt could still be answered, and would live on without an owner.
        link.abort()
        if protocol.transport is not None:
            protocol.transport.disconnect(False)
        if isinstance(error, ConnectError) or not isinstance(error, Exception):
            raise
        if isinstance(error, OSError):
            error = _same_of_all_addresses(error)
        if reader.refusal is not None:
            raise _refused(reader.refusal, url, options) from None
        via = "" if proxy is None else " through the proxy"
        if options.socket_path is not None:
            via = f" at the socket {clip(str(options.socket_path), MAX_SHOWN_PATH)}"
        # picows' own errors quote the server as it was.
        cause = error if isinstance(error, OSError) else None
        raise _explained(error, url, options, via, sent=protocol.transport is not None) from cause
    if protocol.listener is None:
        raise _cannot_connect(url, "the server closed the connection before it answered")
    return link


def _closed_by_loop(reader: MessageReader, protocol: WSProtocol) -> None:
    """Say that a connection has ended which the loop has closed before it had returned it, because the
    attempt was cancelled: uvloop tells nobody. The server may have answered before that, and the owner may
    know of the connection."""
    reader.connection_lost(None)
    with contextlib.suppress(Exception):
        # If the answer was a refusal, nobody has waited for it.
        protocol.wait_until_handshake_complete().send(None)


@functools.lru_cache(maxsize=_KEPT_URLS)
def _parsed(url: str) -> WSParsedURL:
    split_url(url)
    return parse_url(url)


async def _open(protocol: Any, parsed: WSParsedURL, options: ConnectOptions, proxy: str | None) -> None:
    """Connect *protocol* over TCP, TLS or a Unix domain socket, through the proxy if there is one."""
    loop = asyncio.get_running_loop()
    context = _tls_context(options) if parsed.is_secure else None
    if options.socket_path is not None:
        await open_unix_connection(
            protocol, str(options.socket_path), options.socket_opts, context, parsed.host
        )
        return
    parsed_proxy = _parsed_proxy(proxy) if proxy is not None else None
    socket_factory = None
    if options.socket_opts or options.local_addr is not None:
        socket_factory = functools.partial(_connected_socket, options=options)
    connect_arguments: dict[str, Any] = {}
    connection = await connect_through_optional_proxy(
        loop,
        parsed,
        parsed_proxy,
        socket_factory,
        context,
        _tls_context(options) if parsed_proxy is not None and parsed_proxy.scheme == "https" else None,
        connect_arguments,
        loop.create_connection,
    )
    if isinstance(connection, ConnectedTransport):
        transport: asyncio.Transport | None = connection.transport
        try:
            if context is not None:
                assert transport is not None
                transport = await loop.start_tls(
                    transport, transport.get_protocol(), context, server_hostname=parsed.host
                )
                if transport is None:
                    raise ConnectionResetError(errno.ECONNRESET, "the connection closed while TLS started")
            assert transport is not None
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
        except BaseException:
            connection.transport.abort()
            raise
        return
    # By default picows uses aiofastnet, which takes 5 KB more per socket than uvloop's own transport.
    connect_arguments.update(host=connection.host, port=connection.port, sock=connection.sock, ssl=context)
    await loop.create_connection(lambda: protocol, **connect_arguments)


def _parsed_proxy(url: str) -> WSParsedURL:
    """Add what python_socks requires: a port, and a password with a user name (SOCKS4 has no passwords)."""
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if at and ":" not in credentials:
        credentials += ":"
    if parts.port is None and parts.scheme.startswith("socks"):
        # RFC 1928 section 3.
        host = f"{host.removesuffix(':')}:1080"
    return parse_url(parts._replace(netloc=f"{credentials}{at}{host}").geturl(), False)


async def _connected_socket(parsed: WSParsedURL, options: ConnectOptions) -> socket.socket:
    """A socket with the user's options and address, connected to the first address that takes it."""
    loop = asyncio.get_running_loop()
    infos = _address_of_literal(parsed.host, parsed.port) or await loop.getaddrinfo(
        parsed.host, parsed.port, type=socket.SOCK_STREAM
    )
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
    raise failure or OSError(errno.EADDRNOTAVAIL, "the host has no address")


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
    response: WSUpgradeResponse, offered: tuple[str, ...], url: str, options: ConnectOptions
) -> None:
    """Fail if the server chose a sub-protocol that was not offered, or several (RFC 6455 section 4.1)."""
    chosen = ", ".join(response.headers.getall("Sec-WebSocket-Protocol", ()))
    if chosen and chosen not in offered:
        quoted = _quoted(chosen.encode("utf-8", "surrogateescape"), url, options)
        raise _cannot_connect(url, f"the server chose the sub-protocol {quoted}, which was not offered", 101)


def _use_extension(
    response: WSUpgradeResponse, link: WebSocketLink, url: str, options: ConnectOptions
) -> None:
    """Use what was agreed, and fail if the answer does not fit the offer (RFC 7692 section 7.1)."""
    try:
        agreement = agree_as_client(response.headers.getall("Sec-WebSocket-Extensions", ()), options.deflate)
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
    if isinstance(error, WSHandshakeError):
        quoted = clip(redacted(str(error).encode(errors="backslashreplace"), url, options), 160)
        status = None if error.response is None else int(error.response.status)
        return _cannot_connect(url, f"the answer is not a WebSocket handshake ({quoted})", status)
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
