"""A link's owner and sink that keep what they are told, and let a test wait for it."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastphx.errors import DisconnectReason
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.transports import ConnectOptions, WebSocketLink, WebSocketWriter, connect

TIMEOUT_S = 30.0


class RecordingOwner:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.errors: list[BaseException] = []
        self.messages: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.clock_readings: list[int] = []
        self.disconnected: asyncio.Future[DisconnectReason] = asyncio.get_running_loop().create_future()
        self.on_message: Callable[[bytes], Any] | None = None

    async def connect(self, url: str, **options: Any) -> WebSocketLink:
        return await asyncio.wait_for(
            connect(url, CallbackSink(self._on_frame), self, ConnectOptions.from_mapping(options)), TIMEOUT_S
        )

    async def message(self) -> tuple[int, bytes]:
        return await asyncio.wait_for(self.messages.get(), TIMEOUT_S)

    async def reason(self) -> DisconnectReason:
        return await asyncio.wait_for(asyncio.shield(self.disconnected), TIMEOUT_S)

    def _on_frame(self, data: bytes, opcode: int, now_ns: int) -> None:
        if self.on_message is not None:
            self.on_message(data)
        self.clock_readings.append(now_ns)
        self.messages.put_nowait((opcode, data))

    def notify_connected(self, writer: FrameWriter | None) -> None:
        assert isinstance(writer, WebSocketWriter)
        link = writer.link
        assert isinstance(link, WebSocketLink)
        assert link.is_open
        self.events.append("connected")

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.events.append("disconnected")
        self.disconnected.set_result(reason)

    def notify_error(self, exc: BaseException) -> None:
        self.events.append("error")
        self.errors.append(exc)
