import asyncio
from collections.abc import Callable
from typing import Any, Final, final

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import FrameSink
from fastphx.timing.wheel import Timer
from fastphx.transports.base import ConnectionOwner
from fastphx.transports.websocket.client_handshake import ClientHandshake
from fastphx.transports.websocket.deflate import DeflateStream
from fastphx.transports.websocket.link_hooks import LinkHooks
from fastphx.transports.websocket.reader import MessageReader
from fastphx.transports.websocket.writer import WebSocketWriter

DEFAULT_MAX_MESSAGE_SIZE: Final[int]
DEFAULT_MAX_WRITE_BUFFER: Final[int]
DEFAULT_MAX_PAUSE_S: Final[float]

@final
class LinkTimer(Timer): ...

@final
class WebSocketLink(LinkHooks):
    """One WebSocket connection; `fastphx.transports.connector.connect` makes it.

    *owner* is told what happens to the connection, and *sink* gets the messages. A message longer than
    *max_message_size* bytes closes the connection with code 1009. Reading may be paused for *max_pause_s*
    seconds at a time. With a *keepalive_s* above 0, a WebSocket ping is sent that often, and the connection
    is aborted if no pong has come after one and a half times as long. A *read_interval_s* above 0 (at most 1)
    is the time from one read to the next. With *validate_utf8*, a text message that is not UTF-8 closes the
    connection with code 1007 (RFC 6455 section 8.1).
    """

    redact: Callable[[bytes], bytes] | None
    """Removes from a close frame's reason what must not be shown."""
    def __init__(
        self,
        sink: FrameSink,
        owner: ConnectionOwner,
        *,
        max_message_size: int = ...,
        max_write_buffer: int = ...,
        max_pause_s: float = ...,
        keepalive_s: float = 0.0,
        read_interval_s: float = 0.0,
        validate_utf8: bool = False,
    ) -> None: ...
    @property
    def sink(self) -> FrameSink: ...
    @property
    def owner(self) -> ConnectionOwner: ...
    @property
    def writer(self) -> WebSocketWriter: ...
    @property
    def max_message_size(self) -> int: ...
    @property
    def is_open(self) -> bool: ...
    @property
    def was_connected(self) -> bool:
        """Whether the owner has been told of a connection, which may have ended since."""
    @property
    def is_secure(self) -> bool: ...
    @property
    def reading_paused(self) -> bool: ...
    @property
    def read_buffer_bytes(self) -> int:
        """Memory that the beginning of a frame takes until the rest has come. Otherwise 0: all sockets of the
        loop read into one shared buffer."""
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As in asyncio's transports: "peername", "sockname", "socket", "ssl_object"."""
    def new_reader(self, handshake: ClientHandshake, loop: asyncio.AbstractEventLoop) -> MessageReader:
        """The asyncio protocol of the link's transport. *handshake* hears of everything
        until there is a connection."""
    def use_deflate(self, stream: DeflateStream) -> None:
        """Compress what is sent and inflate what is received, as agreed in the handshake."""
    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with the WebSocket's closing handshake, in at most two seconds. Does nothing if the link is
        already closing. Raises ValueError for a code that is neither 1000 nor 3000 to 4999, and for a reason
        over 123 bytes."""
    def abort(self, reason: DisconnectReason | None = None) -> None:
        """Cut the connection at once. notify_disconnected follows, with *reason* if one is given."""
    def pause_reading(self) -> None:
        """Stop reading. No message arrives until resume_reading. What was already read, at most one read
        buffer, is kept as it came, without being inflated."""
    def resume_reading(self) -> None:
        """Read again. What was kept arrives first, at the loop's next turn."""
