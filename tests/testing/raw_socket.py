"""A client that knows WebSocket and nothing of channels."""

import asyncio
import json
from typing import Any, Self

import picows
from picows import WSFrame, WSListener, WSMsgType, WSTransport

TIMEOUT_S = 30.0


class _Listener(WSListener):
    def __init__(self, arrived: "asyncio.Queue[tuple[str, Any]]") -> None:
        self.arrived = arrived

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self.arrived.put_nowait(("text", frame.get_payload_as_bytes().decode("utf-8", "replace")))
        elif frame.msg_type == WSMsgType.BINARY:
            self.arrived.put_nowait(("hex", frame.get_payload_as_bytes().hex()))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            self.arrived.put_nowait((frame.msg_type.name.lower(), frame.get_payload_as_bytes()))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        handshake = transport.close_handshake
        code = 1006 if handshake is None or handshake.recv is None else int(handshake.recv.code)
        self.arrived.put_nowait(("close", code))


class RawSocket:
    """``async with RawSocket(url) as socket``; ``recv`` gives ("text", …), ("hex", …) or ("close", code)."""

    def __init__(self, url: str, **options: Any) -> None:
        self.url = url
        self.options = options
        self.arrived: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.transport: WSTransport

    async def __aenter__(self) -> Self:
        self.transport, _ = await picows.ws_connect(
            lambda: _Listener(self.arrived), self.url, enable_auto_pong=False, **self.options
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.disconnect(graceful=False)
        await asyncio.wait_for(self.transport.wait_disconnected(), TIMEOUT_S)

    def send(self, data: str | bytes) -> None:
        self.transport.send(WSMsgType.TEXT if isinstance(data, str) else WSMsgType.BINARY, data)

    def send_json(self, *frame: Any) -> None:
        self.send(json.dumps(frame))

    async def recv(self, timeout_s: float = TIMEOUT_S) -> tuple[str, Any]:
        return await asyncio.wait_for(self.arrived.get(), timeout_s)

    async def recv_json(self) -> Any:
        kind, text = await self.recv()
        assert kind == "text", (kind, text)
        return json.loads(text)

    async def join(self, topic: str = "room:a", payload: Any = None) -> Any:
        """Join with join_ref and ref "1" and return the reply's payload."""
        self.send_json("1", "1", topic, "phx_join", payload or {})
        return (await self.recv_json())[4]

    async def recv_nothing(self) -> None:
        """Show that nothing is on its way: the next frame is the answer to a heartbeat."""
        self.send_json(None, "last", "phoenix", "heartbeat", {})
        assert await self.recv_json() == [
            None,
            "last",
            "phoenix",
            "phx_reply",
            {"response": {}, "status": "ok"},
        ]
