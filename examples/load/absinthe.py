"""GraphQL subscriptions of Absinthe: each user subscribes, adds a comment, and waits until it comes back.

    fastphx load examples/load/absinthe.py http://127.0.0.1:4000 --arrivals 10/s --duration 30s

One topic is joined, ``__absinthe__:control``. A subscription's data comes on a topic that is its id, and is
never joined: ``socket.on_message`` takes it.
"""

import asyncio
from typing import Any

from fastphx.load import User
from fastphx.protocol.message import Message

SUBSCRIPTION = "subscription { commentAdded { body } }"
MUTATION = "mutation ($body: String!) { addComment(body: $body) { body } }"
LIMIT_S = 10


class Commenter(User):
    async def run(self) -> None:
        async with self.socket("/socket") as socket:
            came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

            @socket.on_message
            def on_message(message: Message) -> None:
                if message.event == "subscription:data":
                    came.put_nowait(message.payload)

            control = await socket.join("__absinthe__:control")
            reply = await control.push("doc", {"query": SUBSCRIPTION, "variables": {}}, name="subscribe")
            subscription_id = reply.response["subscriptionId"]

            body = f"comment {self.number}"
            # From the mutation to its data, which may come before the mutation's own reply.
            async with self.step("comment added"), asyncio.timeout(LIMIT_S):
                mutation = {"query": MUTATION, "variables": {"body": body}}
                reply = await control.push("doc", mutation, name="addComment")
                data = await came.get()
                while data["result"]["data"]["commentAdded"]["body"] != body:
                    data = await came.get()
            self.check("no errors", "errors" not in reply.response)
            self.check("its own subscription", data["subscriptionId"] == subscription_id)
            await control.push("unsubscribe", {"subscriptionId": subscription_id}, name="unsubscribe")
