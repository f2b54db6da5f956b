"""Phoenix' long polling as a ``Transport``: for networks that let no WebSocket through.

The protocol is phoenix.js' ``longpoll.js`` against ``Phoenix.Transports.LongPoll``: a GET waits for messages,
a POST sends some, and the protocol's status is in the body of an HTTP 200. 410 with a token is a new session
(and later says that the old one is gone), 200 brings messages, 204 brings none, 403 refuses.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import orjson

from fastphx.errors import (
    MAX_BODY_BYTES,
    ConnectError,
    ConnectionClosed,
    DisconnectedError,
    DisconnectReason,
    OverloadedError,
    TransportDown,
    clip,
    clip_repr,
)
from fastphx.protocol.sink import CallbackWriter
from fastphx.transports.base import BINARY, TEXT, TransportOwner
from fastphx.transports.endpoint import MAX_URL_LENGTH, shown_url, split_url
from fastphx.transports.http_failure import cause_of, what_failed
from fastphx.transports.options import ConnectOptions
from fastphx.transports.own_limits import ran_out
from fastphx.transports.redaction import HIDDEN, redacted
from fastphx.transports.retry_after import retry_after_s

if TYPE_CHECKING:
    import aiohttp

MAX_BATCH_SIZE = 100
"""Frames in one POST (phoenix.js' MAX_LONGPOLL_BATCH_SIZE)."""

MAX_BATCH_BYTES = 1024 * 1024
"""How long the frames in one POST may be together. A longer frame goes alone: Plug reads 8,000,000 bytes."""

SESSION_GONE = 3410
"""The close code that phoenix.js gives to a session that the server no longer knows."""

CLOSE_TIMEOUT_S = 2.0
"""How long ``close`` goes on sending what was pushed before it."""

ANSWER_MESSAGES = 8
"""How many messages of the greatest length the answer to one poll may hold. This bounds its memory."""

MIN_ANSWER_BYTES = 1024 * 1024
"""What an answer may hold even if messages must be short: many short ones come together."""

_BINARY_KINDS = ("\x00", "\x01", "\x02")
"""What a binary frame of the server begins with: push, reply, broadcast."""


@dataclass(frozen=True, kw_only=True)
class LongPollOptions(ConnectOptions):
    """The options of :class:`ConnectOptions`, and two more.

    ``keepalive``, ``socket_opts``, ``subprotocols``, ``compress`` and ``heartbeat_interval`` have no effect
    here. ``max_write_buffer`` bounds the frames that no POST has taken yet. A SOCKS proxy is refused.
    """

    longpoller_timeout: float = 20.0
    """Seconds that a poll or a POST may go unanswered before the connection ends (phoenix.js' name). The
    server answers a poll after its ``window_ms``, 10 s by default."""

    max_batch_size: int = MAX_BATCH_SIZE
    """How many frames one POST may hold, at most MAX_BATCH_SIZE. Phoenix before 1.7 takes 1, and no binary
    frame: it answers a batch with the status 408, and forgets the session."""

    def __post_init__(self) -> None:
        super().__post_init__()
        batch = self.max_batch_size
        if isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= MAX_BATCH_SIZE:
            raise ValueError(f"max_batch_size is a whole number from 1 to {MAX_BATCH_SIZE}, not {batch!r}")
        timeout = self.longpoller_timeout
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 1e-3 <= timeout <= 86400:
            raise ValueError(
                f"longpoller_timeout is a number of seconds from 0.001 to 86400, not {timeout!r}"
            )
        if isinstance(self.proxy, str) and not _is_http(self.proxy):
            raise ValueError("proxy is a URL that begins with http:// or https:// on long polling")


LONGPOLL_ONLY = frozenset(option.name for option in fields(LongPollOptions)) - frozenset(
    option.name for option in fields(ConnectOptions)
)
"""The options that no WebSocket has."""


class LongPollTransport:
    """A :class:`~fastphx.transports.base.Transport` over HTTP (extra ``longpoll``: aiohttp).

    Frames are sent in order, one POST at a time, at most ``max_batch_size`` in each. None is sent twice: a
    POST that fails ends the connection. Every wait is bounded by ``connect_timeout``, ``longpoller_timeout``
    or ``max_pause``. A session that the server no longer knows ends with
    ``ConnectionClosed(3410, "session_gone")``: connect again, and join again.
    """

    heartbeat = False
    """As in phoenix.js: the polls themselves show that the server is there."""

    def __init__(self, url: str, owner: TransportOwner, options: LongPollOptions) -> None:
        self._url = url
        self._owner = owner
        self._options = options
        self._token: str | None = None
        self._http: aiohttp.ClientSession
        self._frames: deque[tuple[bytes, int]] = deque()
        self._unsent_bytes = 0
        self._pushed = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._closing: DisconnectReason | None = None
        self._ended: asyncio.Future[DisconnectReason] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, url: str, owner: TransportOwner, opts: Mapping[str, Any]) -> Self:
        """Open a session at *url*, a WebSocket's (``/websocket`` becomes ``/longpoll``) or an HTTP one.

        Raises ``ValueError`` for an invalid option or URL, ``ModuleNotFoundError`` if aiohttp is not
        installed, and :class:`~fastphx.errors.ConnectError` for a failed attempt.
        """
        transport = cls(longpoll_url(url), owner, LongPollOptions.from_mapping(opts))
        transport._http = transport._open_http()
        try:
            async with asyncio.timeout(transport._options.connect_timeout):
                await transport._open_session()
        except TimeoutError:
            await transport._http.close()
            raise transport._cannot_connect(
                f"the server did not answer within {transport._options.connect_timeout:g} s"
            ) from None
        except BaseException:
            await transport._http.close()
            raise
        transport._task = asyncio.create_task(transport._run(), name="fastphx longpoll")
        try:
            owner.notify_connected(CallbackWriter(transport.push))
        except Exception as error:
            owner.notify_error(error)
            transport.abort(TransportDown(error))
        return transport

    def push(self, data: bytes, opcode: int) -> None:
        """Send one message with the next POST.

        Raises :class:`~fastphx.errors.DisconnectedError` once the connection is closed or closing, and
        :class:`~fastphx.errors.OverloadedError` past ``max_write_buffer``.
        """
        if self._closing is not None or self._ended.done():
            raise DisconnectedError("the connection is closed or closing: nothing was sent")
        if self._unsent_bytes and self._unsent_bytes + len(data) > self._options.max_write_buffer:
            raise OverloadedError(
                f"{self._unsent_bytes} bytes are unsent, and {len(data)} more would pass max_write_buffer "
                f"({self._options.max_write_buffer}): slow down or raise it"
            )
        self._frames.append((data, opcode))
        self._unsent_bytes += len(data)
        self._pushed.set()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what was pushed, for at most two seconds, and end. The server is not told, because there is no
        message for that: a session ends when nobody has polled for a while."""
        if self._closing is None and not self._ended.done():
            self._closing = ConnectionClosed(code, reason)
            self._pushed.set()
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.abort, self._closing)

    def abort(self, reason: DisconnectReason | None = None) -> None:
        """End at once; the owner is told *reason*."""
        if not self._ended.done():
            self._ended.set_result(reason or ConnectionClosed(1006, "aborted by this side"))

    def pause_reading(self) -> None:
        """Do not poll again, for at most ``max_pause``. The answer to a poll under way still arrives. A
        server drops a session that nobody polls for one and a half times its window (15 s by default)."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Poll again."""
        self._reading.set()

    # Its life.

    async def _run(self) -> None:
        poll = asyncio.create_task(self._poll(), name="fastphx longpoll GET")
        send = asyncio.create_task(self._send(), name="fastphx longpoll POST")
        reason: DisconnectReason = TransportDown(None)
        try:
            await asyncio.wait((poll, send, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                reason = self._ended.result()
            else:
                reason = next(task.result() for task in (poll, send) if task.done())
        except Exception as error:
            reason = TransportDown(error)
        finally:
            if not self._ended.done():
                self._ended.set_result(reason)
            self._frames.clear()
            for task in (poll, send):
                task.cancel()
            await asyncio.gather(poll, send, return_exceptions=True)
            await self._http.close()
            self._owner.notify_disconnected(reason)

    async def _poll(self) -> DisconnectReason:
        """GET until the connection ends, and return why it did."""
        timeout_s = self._options.longpoller_timeout
        while True:
            if not self._reading.is_set():
                try:
                    await asyncio.wait_for(self._reading.wait(), self._options.max_pause)
                except TimeoutError:
                    error = OverloadedError(
                        f"reading was paused for more than max_pause ({self._options.max_pause:g} s): "
                        "the consumer does not keep up"
                    )
                    self._owner.notify_error(error)
                    return TransportDown(error)
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await self._request("GET")
            except TimeoutError:
                return ConnectionClosed(1006, f"the poll was not answered within {timeout_s:g} s")
            except _RequestError as error:
                return ConnectionClosed(error.code, error.what)
            reason = self._on_answer(answer)
            if reason is not None:
                return reason

    def _on_answer(self, answer: dict[str, Any]) -> DisconnectReason | None:
        status = answer.get("status")
        if status == 204:
            return None
        if status == 410:
            return ConnectionClosed(SESSION_GONE, "session_gone")
        if status == 403:
            return ConnectionClosed(1008, "forbidden")
        messages = answer.get("messages")
        if status != 200:
            return ConnectionClosed(1002, f"the answer to a poll has the status {clip_repr(status)}")
        if not isinstance(messages, list):
            return ConnectionClosed(1002, "the answer to a poll has the status 200 and no list of messages")
        for message in messages:
            if not isinstance(message, str):
                return ConnectionClosed(1002, f"a message is {clip_repr(message)}, which is not a string")
            data, opcode = _frame(message)
            if len(data) > self._options.max_message_size:
                limit = self._options.max_message_size
                return ConnectionClosed(1009, f"a message is longer than max_message_size ({limit})")
            if self._ended.done():
                return self._ended.result()
            try:
                self._owner.notify_message(opcode, data)
            except Exception as error:
                self._owner.notify_error(error)
                return TransportDown(error)
        return None

    async def _send(self) -> DisconnectReason:
        """POST what is pushed, until the connection ends, or is closing and has nothing left to send."""
        timeout_s = self._options.longpoller_timeout
        while True:
            if not self._frames:
                if self._closing is not None:
                    return self._closing
                self._pushed.clear()
                await self._pushed.wait()
                continue
            body, content_type, size, count = self._take_batch()
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await self._request("POST", body, content_type)
            except TimeoutError:
                return ConnectionClosed(1006, f"a POST was not answered within {timeout_s:g} s")
            except _RequestError as error:
                return ConnectionClosed(error.code, error.what)
            self._unsent_bytes -= size
            status = answer.get("status")
            if status == 410:
                return ConnectionClosed(SESSION_GONE, "session_gone")
            if status != 200:
                what = f"a POST was answered with the status {clip_repr(status)}"
                if status == 408 and count > 1:
                    what += f" ({count} frames: before 1.7, Phoenix needs max_batch_size=1)"
                return ConnectionClosed(1011, what)

    def _take_batch(self) -> tuple[bytes, str, int, int]:
        """The next POST's body and content type, and how many bytes and frames are in it."""
        lines: list[bytes] = []
        size = 0
        while self._frames and len(lines) < self._options.max_batch_size:
            data, opcode = self._frames[0]
            if lines and size + len(data) > MAX_BATCH_BYTES:
                break
            if opcode == TEXT and not data.startswith(b"["):
                # In a batch, Phoenix takes a line that begins otherwise for base64. Alone, any text will do.
                if lines:
                    break
                self._frames.popleft()
                return data, "application/json", len(data), 1
            self._frames.popleft()
            size += len(data)
            # A line end can only stand between JSON's tokens, where a space is as good.
            lines.append(_one_line(data) if opcode == TEXT else base64.b64encode(data))
        return b"\n".join(lines), "application/x-ndjson", size, len(lines)

    # HTTP.

    def _open_http(self) -> aiohttp.ClientSession:
        try:
            import aiohttp
        except ModuleNotFoundError:
            raise ModuleNotFoundError("long polling needs aiohttp: pip install fastphx[longpoll]") from None
        options = self._options = self._options.with_cookies(self._url)
        target = urlsplit(self._url)
        secure = target.scheme == "https"
        proxy = options.proxy_to(target.hostname or "", target.port or (443 if secure else 80), secure=secure)
        if proxy is not None and not _is_http(proxy):
            raise self._cannot_connect(
                "the environment's proxy is a SOCKS proxy, which long polling cannot use"
            )
        verified: ssl.SSLContext | bool = options.ssl if options.ssl is not None else options.ssl_verify
        headers = [("Accept", "application/json"), *options.extra_headers]
        if options.auth_token is not None:
            headers.append(("X-Phoenix-AuthToken", options.auth_token))
        # One connection waits for messages, one sends.
        connector: aiohttp.BaseConnector
        if options.socket_path is None:
            connector = aiohttp.TCPConnector(limit=2, ssl=verified, local_addr=options.local_addr)
        elif secure:
            raise ValueError("long polling has no TLS over a Unix domain socket: use a ws:// URL")
        else:
            connector = aiohttp.UnixConnector(str(options.socket_path), limit=2)
        return aiohttp.ClientSession(
            connector=connector,
            headers=headers,
            proxy=proxy,
            # A load balancer's cookie must be sent back, to an IP address too: a session lives on one node.
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def _open_session(self) -> None:
        try:
            answer = await self._request("GET")
        except _RequestError as error:
            failure = self._cannot_connect(
                error.what, error.status, error.body, retry_after=error.retry_after
            )
            failure.is_local = ran_out(error.__cause__)
            raise failure from error.__cause__
        status, token = answer.get("status"), answer.get("token")
        if status == 403:
            raise self._cannot_connect("the server refused the session (status 403)", 403)
        if status != 410 or not isinstance(token, str) or not token:
            raise self._cannot_connect(f"the answer has the status {clip_repr(status)} and no new session")
        self._token = token

    def _cannot_connect(
        self, what: str, status: int | None = None, body: bytes = b"", *, retry_after: float | None = None
    ) -> ConnectError:
        message = f"cannot connect to {shown_url(self._url)}: {what}"
        return ConnectError(message, status=status, body=body, retry_after=retry_after)

    async def _request(
        self, method: str, body: bytes | None = None, content_type: str | None = None
    ) -> dict[str, Any]:
        """One request, and its answer's JSON object. Raises _RequestError; the caller bounds the time."""
        import aiohttp
        from yarl import URL

        url = self._url
        if self._token is not None:
            # Last, to win over a parameter of the user's with the same name.
            url += f"{'&' if '?' in url else '?'}token={quote(self._token, safe='')}"
        headers = {} if content_type is None else {"Content-Type": content_type}
        limit = max(ANSWER_MESSAGES * self._options.max_message_size, MIN_ANSWER_BYTES)
        try:
            async with self._http.request(
                method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as response:
                set_cookies = response.headers.getall("Set-Cookie", ())
                if set_cookies and self._options.cookies is not None:
                    self._options.cookies.store(self._url, set_cookies)
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > limit:
                        raise _RequestError(f"an answer is longer than {limit} bytes", code=1009)
                status = response.status
                retry_after = retry_after_s(response.headers.get("Retry-After", ""))
        except aiohttp.ClientError as error:
            # Not aiohttp's own error, which shows the whole URL.
            raise _RequestError(what_failed(error)) from cause_of(error)
        if status != 200:
            excerpt = self._excerpt(content)
            what = f"the server answered HTTP {status}" + (f": {clip(excerpt)}" if excerpt else "")
            code = 1011 if status >= 500 else 1006
            raise _RequestError(what, status=status, body=excerpt, code=code, retry_after=retry_after)
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            excerpt = self._excerpt(content)
            what = f"the answer is not a JSON object: {clip(excerpt)}"
            raise _RequestError(what, status=status, body=excerpt, code=1002)
        return answer

    def _excerpt(self, content: bytearray) -> bytes:
        """What an error may quote of an answer."""
        # More than is kept: a secret that is cut in two would not be found.
        beginning = bytes(content[: MAX_BODY_BYTES + MAX_URL_LENGTH])
        if self._token is not None:
            beginning = beginning.replace(self._token.encode(), HIDDEN)
        return redacted(beginning, self._url, self._options)[:MAX_BODY_BYTES]


class _RequestError(Exception):
    """A request failed. ``code`` is the close code that this means for the connection."""

    def __init__(
        self,
        what: str,
        *,
        status: int | None = None,
        body: bytes = b"",
        code: int = 1006,
        retry_after: float | None = None,
    ) -> None:
        self.what = what
        self.retry_after = retry_after
        self.status = status
        self.body = body
        self.code = code
        super().__init__(what)


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def longpoll_url(url: str) -> str:
    """Return the URL for long polling, as phoenix.js does: ``ws`` becomes ``http``, and ``/websocket`` at the
    end of the path becomes ``/longpoll``. Raises ``ValueError`` for an invalid URL."""
    if isinstance(url, str) and _is_http(url):
        url = "ws" + url.removeprefix("http")
    parts = split_url(url)
    path = parts.path
    if path.endswith("/websocket"):
        path = path.removesuffix("websocket") + "longpoll"
    return parts._replace(scheme="http" + parts.scheme.removeprefix("ws"), path=path).geturl()


def _frame(message: str) -> tuple[bytes, int]:
    """A message of a poll as bytes, with its opcode: JSON as it is, base64 decoded.

    ``Phoenix.Transports.LongPoll.Server`` forgets a frame's opcode, so a binary frame that happens to be
    UTF-8 comes as it is. Its first byte, the kind of message, tells it from JSON and base64.
    """
    if message.startswith(_BINARY_KINDS):
        return message.encode("utf-8", "surrogatepass"), BINARY
    if not message.startswith(("[", "{")):
        try:
            return base64.b64decode(message, validate=True), BINARY
        except (binascii.Error, ValueError):
            pass
    return message.encode("utf-8", "surrogatepass"), TEXT


def _one_line(data: bytes) -> bytes:
    if b"\n" in data or b"\r" in data:
        return data.replace(b"\n", b" ").replace(b"\r", b" ")
    return data
