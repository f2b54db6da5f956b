import asyncio
from typing import Any, Final, final

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import FrameSink, FrameWriter
from fastphx.timing.wheel import Timer
from fastphx.transports.deflate import DeflateStream
from fastphx.transports.frame_reader import FrameReader
from fastphx.transports.link_owner import LinkOwner

DEFAULT_MAX_MESSAGE_SIZE: Final[int]
DEFAULT_MAX_WRITE_BUFFER: Final[int]
DEFAULT_MAX_PAUSE_S: Final[float]
READ_BUFFER_SIZE: Final[int]

@final
class LinkTimer(Timer): ...

@final
class WebSocketWriter(FrameWriter):
    """The way to send on a WebSocketLink (made by the link).

    A message of any size is taken while nothing is unsent; otherwise what is unsent stays within
    *max_write_buffer* bytes.
    """

    def __init__(self, link: WebSocketLink, max_write_buffer: int) -> None: ...
    @property
    def max_write_buffer(self) -> int: ...
    @property
    def unsent_bytes(self) -> int:
        """What the operating system has not taken yet."""
    def write(self, data: bytes, opcode: int) -> None:
        """Send one message (opcode 1: text, 2: binary). Raises DisconnectedError once the connection is
        closed or closing, and OverloadedError past max_write_buffer; nothing was sent then."""

@final
class WebSocketLink:
    """One WebSocket connection; `fastphx.transports.connector.connect` makes it.

    A message longer than *max_message_size* bytes closes the connection with code 1009. Reading may be paused
    for *max_pause_s* seconds at a time. A *keepalive_s* above 0 sends a WebSocket ping that often, and aborts
    the connection when no pong has come after one and a half times as long.
    """

    def __init__(
        self,
        sink: FrameSink,
        owner: LinkOwner,
        *,
        max_message_size: int = ...,
        max_write_buffer: int = ...,
        max_pause_s: float = ...,
        keepalive_s: float = 0.0,
    ) -> None: ...
    @property
    def sink(self) -> FrameSink: ...
    @property
    def owner(self) -> LinkOwner: ...
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
        """Memory that the beginning of a frame takes until the rest of it has come; else 0: what is read
        goes through one buffer that all sockets of the loop share."""
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As asyncio's transports have it: "peername", "sockname", "socket", "ssl_object"."""
    def use_deflate(self, stream: DeflateStream) -> None:
        """Compress what is sent and inflate what is received, as was agreed in the handshake."""
    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with the WebSocket's closing handshake, in at most two seconds. Does nothing when closing
        already. Raises ValueError for a code that is neither 1000 nor 3000 to 4999, or a reason over 123
        bytes."""
    def abort(self, reason: DisconnectReason | None = None) -> None:
        """Cut the connection at once; on_link_disconnected follows, with *reason* where it is given."""
    def pause_reading(self) -> None:
        """Stop reading. Messages that were read already still arrive: at most one read buffer of them."""
    def resume_reading(self) -> None: ...
    def on_ws_connected(self, transport: Any) -> None: ...
    def on_ws_frame(self, transport: Any, frame: Any) -> None: ...
    def on_ws_disconnected(self, transport: Any) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

@final
class LinkReader(FrameReader):
    """The asyncio protocol of a link's transport. *handshake* is picows' protocol for it."""

    def __init__(
        self, link: WebSocketLink, handshake: asyncio.BaseProtocol, loop: asyncio.AbstractEventLoop
    ) -> None: ...
