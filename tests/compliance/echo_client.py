"""The client's WebSocket as Autobahn's fuzzing server drives it: each message goes back as it came."""

from __future__ import annotations

import asyncio
import contextlib

from fastphx.errors import DisconnectedError, DisconnectReason
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.transports import ConnectOptions, WebSocketWriter, connect

AGENT = "fastphx"
CASE_TIMEOUT_S = 600.0

OPTIONS = ConnectOptions(
    compress=True, max_message_size=1 << 26, max_write_buffer=1 << 26, validate_utf8=True
)


class EchoClient:
    """Sends back what it receives, until the server has closed."""

    def __init__(self) -> None:
        self.disconnected: asyncio.Future[DisconnectReason] = asyncio.get_running_loop().create_future()
        self.received: list[bytes] = []
        self._writer: WebSocketWriter | None = None

    async def run(self, url: str, *, echo: bool = True) -> None:
        """Stay connected to *url* until the server ends it."""
        sink = CallbackSink(self._echo if echo else self._keep)
        async with asyncio.timeout(CASE_TIMEOUT_S):
            link = await connect(url, sink, self, OPTIONS)
            try:
                await self.disconnected
            finally:
                link.abort()

    def _echo(self, data: bytes, opcode: int, _now_ns: int) -> None:
        assert self._writer is not None
        # What follows a close that this side has sent is not answered.
        with contextlib.suppress(DisconnectedError):
            self._writer.write(data, opcode)

    def _keep(self, data: bytes, _opcode: int, _now_ns: int) -> None:
        self.received.append(data)

    def notify_connected(self, writer: FrameWriter | None) -> None:
        assert isinstance(writer, WebSocketWriter)
        self._writer = writer

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.disconnected.set_result(reason)

    def notify_error(self, exc: BaseException) -> None:
        raise exc


async def run_cases(server: str) -> None:
    """Run every case that the suite's server has, and let it write its report."""
    counter = EchoClient()
    await counter.run(f"{server}/getCaseCount", echo=False)
    for case in range(1, int(counter.received[0]) + 1):
        await EchoClient().run(f"{server}/runCase?case={case}&agent={AGENT}")
    await EchoClient().run(f"{server}/updateReports?agent={AGENT}", echo=False)
