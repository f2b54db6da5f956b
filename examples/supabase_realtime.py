"""A channel of Supabase Realtime: changes of tables, broadcasts, presence, and a token that is renewed.

    SUPABASE_KEY=… python examples/supabase_realtime.py https://PROJECT.supabase.co lobby public.messages

prints what comes as lines of JSON, until Ctrl-C. ``SUPABASE_ACCESS_TOKEN`` may hold a user's token; without
it, the channel is joined with the key. docs/how-to/supabase.md says what the protocol is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import fastphx
from fastphx import Client, ConnectError, JoinError, Presence, SupabaseV2
from fastphx.protocol.message import Message

HEARTBEAT_INTERVAL_S = 25.0
"""How often Supabase's own client sends a heartbeat, and asks for a new token."""

Key = str | Callable[[], Any]
Token = Callable[[], Awaitable[str | None]]
Changed = Callable[[dict[str, Any]], object]


async def no_token() -> None:
    """For who has no user: the server takes the key's rights."""


def connect(project_url: str, key: Key, **options: Any) -> Client:
    """A client of the project at *project_url* (``https://PROJECT.supabase.co``), whose API key is *key*, or
    what *key()* returns at each attempt. *options* are those of :func:`fastphx.connect`."""

    def params() -> dict[str, Any]:
        return {"apikey": key() if callable(key) else key}

    url = f"ws{project_url.removeprefix('http').rstrip('/')}/realtime/v1"
    return fastphx.connect(
        url,
        params=params if callable(key) else params(),
        serializer=SupabaseV2(),
        **{"heartbeat_interval": HEARTBEAT_INTERVAL_S, **options},
    )


class Realtime:
    """The channel *name* over *client*. Set handlers, then call :meth:`join`.

    *token* is asked for the user's token at each join and each :meth:`refresh`. *changes* are the tables to
    follow, as in ``{"event": "*", "schema": "public", "table": "messages", "filter": "id=eq.1"}``. *ack*: the
    server answers broadcasts. *receive_own*: it sends them back, too. *private*: it asks the policies of the
    table ``realtime.messages`` who may do what. *presence_key* is the key to be present under; the server
    makes one up otherwise. ``presence`` follows who is there.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        token: Token = no_token,
        changes: Sequence[dict[str, str]] = (),
        ack: bool = False,
        receive_own: bool = False,
        private: bool = False,
        presence_key: str = "",
    ) -> None:
        self._get_token = token
        self._token: str | None = None
        self._ack = ack
        self._changed: list[tuple[int, Changed]] = []
        self._changes = list(changes)
        self._config = {
            "broadcast": {"ack": ack, "self": receive_own},
            "presence": {"key": presence_key, "enabled": True},
            "postgres_changes": self._changes,
            "private": private,
        }
        self.subscribed = asyncio.Event()
        """Set while the changes that are asked for come: some time after the join."""
        self.channel = client.channel(f"realtime:{name}", self._join_payload)
        self.presence = Presence(self.channel)
        self.channel.on("postgres_changes", self._on_change)
        self.channel.on("system", self._on_system)
        self.channel.on_outage(lambda _: self.subscribed.clear())
        self.channel.on_close(lambda _: self.subscribed.clear())

    async def join(self) -> None:
        """Join. Raises JoinError with what the server says: ``{"reason": "Unauthorized: …"}``."""
        await self.channel.join()

    async def refresh(self) -> None:
        """Give the server the user's token if it has changed. If the server refuses it, it says so in a
        ``system`` message, and closes the channel, which may then be joined again."""
        token = await self._get_token()
        if token is not None and token != self._token:
            # There is no reply.
            self.channel.cast("access_token", {"access_token": token})
            self._token = token

    async def keep_fresh(self, interval_s: float = HEARTBEAT_INTERVAL_S) -> None:
        """Refresh the token now and then, for ever. A join sends the current one in any case."""
        while True:
            await asyncio.sleep(interval_s)
            with contextlib.suppress(fastphx.DisconnectedError, fastphx.NotJoinedError):
                await self.refresh()

    def on_change(self, changed: Changed, number: int = 0) -> None:
        """Call *changed* with each change that the *changes* at *number* ask for: its ``type`` is ``INSERT``,
        ``UPDATE`` or ``DELETE``, and the row is its ``record`` or ``old_record``."""
        self._changed.append((number, changed))

    def on_broadcast(self, received: Callable[[str, Any], object]) -> None:
        """Call *received(event, payload)* with each broadcast. What was sent as bytes comes as bytes."""

        def take(message: Message) -> None:
            received(message.payload["event"], message.payload.get("payload"))

        self.channel.on("broadcast", take)

    def on_system(self, told: Callable[[dict[str, Any]], object]) -> None:
        """Call *told* with what the server says of the channel: its ``status`` is ``ok`` or ``error``."""
        self.channel.on("system", lambda message: told(message.payload))

    async def broadcast(self, event: str, payload: Any) -> None:
        """Send to the channel's others. With ``ack``, this returns when the server has it."""
        message = {"type": "broadcast", "event": event, "payload": payload}
        if self._ack:
            await self.channel.push("broadcast", message)
        else:
            self.channel.cast("broadcast", message)

    async def track(self, state: dict[str, Any]) -> None:
        """Be present, or say something else of oneself. A rejoin ends it: track again after an outage."""
        await self.channel.push("presence", {"type": "presence", "event": "track", "payload": state})

    async def untrack(self) -> None:
        await self.channel.push("presence", {"type": "presence", "event": "untrack"})

    async def _join_payload(self) -> dict[str, Any]:
        self._token = await self._get_token()
        payload: dict[str, Any] = {"config": self._config}
        if self._token is not None:
            payload["access_token"] = self._token
        return payload

    def _on_change(self, message: Message) -> None:
        payload = message.payload
        # The join's answer has what was asked for, in the same order, each with the id that changes name.
        asked = self.channel.response["postgres_changes"]
        for number, changed in self._changed:
            if asked[number]["id"] in payload["ids"]:
                changed(payload["data"])

    def _on_system(self, message: Message) -> None:
        said = message.payload
        if said["extension"] == "postgres_changes":
            (self.subscribed.set if said["status"] == "ok" else self.subscribed.clear)()


def refusal(error: ConnectError) -> str:
    """Why Realtime has refused a connection (401, 403, 404, 429), in its own words, if it has said so."""
    try:
        return str(json.loads(error.body)["error"])
    except (ValueError, KeyError, TypeError):
        return str(error)


def show(kind: str, what: Any) -> None:
    text = what.hex() if isinstance(what, bytes) else what
    print(json.dumps({kind: text}), flush=True)


async def main(project_url: str, name: str, tables: list[str]) -> None:
    async def token() -> str | None:
        # A program with users asks its session here, which renews the token before it expires.
        return os.environ.get("SUPABASE_ACCESS_TOKEN")

    changes = []
    for table in tables:
        schema, _, of_schema = table.rpartition(".")
        changes.append({"event": "*", "schema": schema or "public", "table": of_schema})
    async with connect(project_url, os.environ.get("SUPABASE_KEY", "")) as client:
        room = Realtime(client, name, token=token, changes=changes)
        for number in range(len(changes)):
            room.on_change(lambda change: show("change", change), number)
        room.on_broadcast(lambda event, payload: show(event, payload))
        room.on_system(lambda said: show("system", said))
        room.presence.on_sync(lambda: show("present", sorted(room.presence.state)))
        await room.join()
        endless = [asyncio.create_task(room.keep_fresh()), asyncio.create_task(client.wait_closed())]
        try:
            ended, _ = await asyncio.wait(endless, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in endless:
                task.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project_url")
    parser.add_argument("name")
    parser.add_argument("tables", nargs="*", metavar="[SCHEMA.]TABLE")
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments.project_url, arguments.name, arguments.tables))
    except KeyboardInterrupt:
        pass
    except ConnectError as error:
        sys.exit(f"Realtime refused the connection: {refusal(error)}")
    except JoinError as error:
        sys.exit(f"Realtime refused the channel: {error.shown_reason}")
