"""GraphQL subscriptions of Absinthe (Elixir's GraphQL) over Phoenix Channels.

    python examples/absinthe.py ws://127.0.0.1:4000/socket 'subscription { commentAdded { body } }'

prints each result as a line of JSON, until Ctrl-C. A result comes on a topic that is the subscription's
id, and is never joined: ``client.on_message`` takes it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

import fastphx
from fastphx import Channel, Client, Outage
from fastphx.protocol.message import Message

CONTROL = "__absinthe__:control"

EARLY = 100
"""Results kept that come before the answer which names their subscription."""

Results = Callable[[Any], object]


class Subscription:
    """One GraphQL subscription; ``id`` is the server's for this connection, None while there is none."""

    def __init__(self, query: str, variables: dict[str, Any], results: Results) -> None:
        self.query = query
        self.variables = variables
        self.results = results
        self.id: str | None = None


class Absinthe:
    """Queries, mutations and subscriptions over *client*, which is open. Call :meth:`start` first."""

    def __init__(self, client: Client) -> None:
        self._control: Channel = client.channel(CONTROL)
        self._control.on_outage(self._subscribe_again)
        self._subscriptions: list[Subscription] = []
        self._early: list[Message] = []
        client.on_message(self._on_message)

    async def start(self) -> None:
        await self._control.join()

    async def run(self, query: str, variables: dict[str, Any] | None = None) -> Any:
        """A query's or a mutation's result. Raises PushError with what Absinthe calls ``errors``."""
        return (await self._control.push("doc", {"query": query, "variables": variables or {}})).response

    async def subscribe(
        self, query: str, results: Results, variables: dict[str, Any] | None = None
    ) -> Subscription:
        """Call *results* with each result, from now on and over reconnects."""
        subscription = Subscription(query, variables or {}, results)
        await self._subscribe(subscription)
        self._subscriptions.append(subscription)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.remove(subscription)
        subscription_id, subscription.id = subscription.id, None
        if subscription_id is not None:
            await self._control.push("unsubscribe", {"subscriptionId": subscription_id})

    async def _subscribe(self, subscription: Subscription) -> None:
        response = await self.run(subscription.query, subscription.variables)
        subscription.id = response["subscriptionId"]
        early, self._early = self._early, []
        for message in early:
            if message.topic == subscription.id:
                subscription.results(message.payload["result"])
            else:
                self._early.append(message)

    async def _subscribe_again(self, _outage: Outage) -> None:
        """A new connection has none. Mutations are not sent again: they may have been done."""
        self._early.clear()
        for subscription in self._subscriptions:
            subscription.id = None
        for subscription in list(self._subscriptions):
            await self._subscribe(subscription)

    def _on_message(self, message: Message) -> None:
        if message.event != "subscription:data":
            return
        for subscription in self._subscriptions:
            if subscription.id == message.topic:
                subscription.results(message.payload["result"])
                return
        self._early.append(message)
        del self._early[:-EARLY]


async def main(url: str, query: str) -> None:
    async with fastphx.connect(url) as client:
        absinthe = Absinthe(client)
        await absinthe.start()
        await absinthe.subscribe(query, lambda result: print(json.dumps(result), flush=True))
        await client.wait_closed()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("query")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.url, arguments.query))
