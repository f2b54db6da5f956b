"""What a real Phoenix was recorded to answer, the server answers too, byte for byte."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastphx.testing import demo_server
from tests.testing.raw_socket import RawSocket

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "websocket.json").read_text())
SCENARIOS = {scenario["name"]: scenario for scenario in RECORDED["scenarios"]}


class PresenceRefs:
    """Replaces each phx_ref by its number in the order of appearance: the refs are random."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    def normal(self, text: str) -> str:
        return re.sub(
            r'("phx_ref(?:_prev)?":)"([^"]{16})"',
            lambda match: f'{match[1]}"{self.seen.setdefault(match[2], str(len(self.seen)))}"',
            text,
        )


@pytest.mark.parametrize("name", SCENARIOS)
async def test_answers_as_phoenix_did(name: str) -> None:
    scenario = SCENARIOS[name]
    theirs, ours = PresenceRefs(), PresenceRefs()
    async with demo_server() as server:
        base = server.url.removesuffix("/socket")
        async with RawSocket(base + scenario["path"]) as socket:
            for frame in scenario["frames"]:
                if frame["dir"] == "send":
                    socket.send(frame["text"] if "text" in frame else bytes.fromhex(frame["hex"]))
                    continue
                kind, value = await socket.recv()
                if frame["dir"] == "close":
                    assert (kind, value) == ("close", frame["code"])
                elif "hex" in frame:
                    assert (kind, value) == ("hex", frame["hex"])
                else:
                    assert kind == "text", (kind, value)
                    assert ours.normal(value) == theirs.normal(frame["text"])
            if frame["dir"] != "close" and "vsn=2" in scenario["path"]:
                await socket.recv_nothing()


def test_all_scenarios_are_replayed() -> None:
    known: set[Any] = {frame["dir"] for scenario in SCENARIOS.values() for frame in scenario["frames"]}
    assert known <= {"send", "recv", "close"}
    assert len(SCENARIOS) == len(RECORDED["scenarios"]) > 20
