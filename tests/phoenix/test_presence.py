"""Presence against Phoenix' own tracker."""

from __future__ import annotations

from fastphx import Presence
from tests.client.waiting import until
from tests.phoenix.conftest import OpenClient


async def test_who_comes_changes_and_goes(open_client: OpenClient) -> None:
    watcher = await open_client()
    presence = Presence(await watcher.join("presence:lobby", {"user": "watcher"}))
    await until(lambda: "watcher" in presence.state)

    clients = [await open_client() for _ in range(3)]
    rooms = [
        await client.join("presence:lobby", {"user": user})
        for client, user in zip(clients, ["ann", "ben", "ann"], strict=True)
    ]
    await until(lambda: len(presence.state.get("ann", {"metas": []})["metas"]) == 2)
    await until(lambda: "ben" in presence.state)
    await rooms[1].push("update", {"status": "away"})
    await until(lambda: presence.state["ben"]["metas"][0]["status"] == "away")
    await clients[0].close()
    await until(lambda: len(presence.state["ann"]["metas"]) == 1)
    await rooms[2].leave()
    await until(lambda: "ann" not in presence.state)
    assert sorted(presence.state) == ["ben", "watcher"]


async def test_the_state_after_a_rejoin(open_client: OpenClient) -> None:
    client, other = await open_client(), await open_client()
    room = await client.join("presence:again", {"user": "ann"})
    presence = Presence(room)
    left: list[str] = []
    presence.on_leave(lambda key, _current, _left: left.append(key))
    await other.join("presence:again", {"user": "ben"})
    await until(lambda: set(presence.state) == {"ann", "ben"})
    await other.close()
    await client.reconnect()
    await until(lambda: left)
    await until(lambda: set(presence.state) == {"ann"})
    assert "ben" in left
