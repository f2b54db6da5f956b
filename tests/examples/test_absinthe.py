"""`examples/absinthe.py` against a server that speaks as Absinthe does."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import picows

from fastphx import connect

ABSINTHE = Path(__file__).parents[2] / "examples" / "absinthe.py"
LIMIT_S = 60.0
QUERY = "subscription { commentAdded { body } }"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("absinthe", ABSINTHE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class AbsintheSocket(picows.WSListener):  # type: ignore[misc]
    """One connection. A result comes on a topic that is the subscription's id, with null refs, the first of
    them before the answer that names it."""

    sockets: list[AbsintheSocket]

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport
        self.documents: list[Any] = []
        self.ended: list[str] = []
        self.sockets.append(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
            return
        join_ref, ref, topic, event, payload = json.loads(frame.get_payload_as_bytes())
        response = self.answer(event, payload)
        self.send([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response}])

    def answer(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        if event == "doc":
            self.documents.append(payload)
            subscription_id = f"__absinthe__:doc:{len(self.sockets)}:{len(self.documents)}"
            self.publish("first", subscription_id)
            return {"subscriptionId": subscription_id}
        if event == "unsubscribe":
            self.ended.append(payload["subscriptionId"])
        return {}

    def publish(self, body: str, subscription_id: str) -> None:
        result = {"data": {"commentAdded": {"body": body}}}
        payload = {"result": result, "subscriptionId": subscription_id}
        self.send([None, None, subscription_id, "subscription:data", payload])

    def send(self, values: list[Any]) -> None:
        self.transport.send(picows.WSMsgType.TEXT, json.dumps(values).encode())


async def test_subscriptions_go_on_over_a_reconnect() -> None:
    opened: list[AbsintheSocket] = []

    class Socket(AbsintheSocket):
        sockets = opened

    server = await picows.ws_create_server(lambda request: Socket(), "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/socket"
    results: asyncio.Queue[Any] = asyncio.Queue()

    async def body() -> str:
        return (await results.get())["data"]["commentAdded"]["body"]  # type: ignore[no-any-return]

    try:
        async with asyncio.timeout(LIMIT_S), connect(url, heartbeat_interval=0) as client:
            absinthe = load().Absinthe(client)
            await absinthe.start()
            subscription = await absinthe.subscribe(QUERY, results.put_nowait, {"n": 1})
            assert Socket.sockets[0].documents == [{"query": QUERY, "variables": {"n": 1}}]
            assert await body() == "first"
            Socket.sockets[0].publish("second", subscription.id)
            assert await body() == "second"
            Socket.sockets[0].transport.disconnect()
            assert await body() == "first"
            assert Socket.sockets[1].documents == [{"query": QUERY, "variables": {"n": 1}}]
            subscription_id = subscription.id
            await absinthe.unsubscribe(subscription)
            assert Socket.sockets[1].ended == [subscription_id]
    finally:
        server.close()
