"""Whatever a server does, each part of fastphx comes to its end, with its own errors, and leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from unittest import mock

import pytest

import fastphx.load.worker.runner
from fastphx.errors import ConnectionClosed
from tests.hostile import subjects
from tests.hostile.cells import Outcome, try_all
from tests.hostile.misbehaviours import MISBEHAVIOURS, of_families
from tests.hostile.server import hostile_server
from tests.hostile.subjects import Subject

WEBSOCKET = of_families("handshake", "frames", "flood", "bomb", "protocol")
LONGPOLL = of_families("handshake", "protocol", "longpoll")
SUBJECTS: dict[str, tuple[Subject, list[str]]] = {
    "client": (subjects.client, WEBSOCKET),
    "behaviour": (subjects.behaviour, WEBSOCKET),
    "load": (subjects.load, WEBSOCKET),
    "live": (subjects.live, [*WEBSOCKET, *of_families("page", "liveview")]),
    "client_by_longpoll": (subjects.client_by_longpoll, LONGPOLL),
    "behaviour_by_longpoll": (subjects.behaviour_by_longpoll, LONGPOLL),
    "live_by_longpoll": (subjects.live_by_longpoll, of_families("longpoll", "liveview")),
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with hostile_server() as address:
        yield address


@pytest.mark.parametrize("name", SUBJECTS)
def test_it_ends_with_an_error_of_fastphx_at_most_and_leaves_nothing(name: str, address: str) -> None:
    """Many misbehaviours side by side, since they mostly wait. No task, timer or socket stays, no traceback
    is in the log, nothing is told to the loop, and memory is bounded."""
    subject, slugs = SUBJECTS[name]
    # A worker collects what lives; here it would look at all that pytest has.
    with mock.patch.object(fastphx.load.worker.runner, "gc"):
        outcomes, left = try_all(subject, slugs, address)
    assert {slug: outcome.problems for slug, outcome in outcomes.items() if outcome.problems} == {}
    assert left == []
    if name == "behaviour":
        assert closed_wrongly(outcomes) == []


def closed_wrongly(outcomes: Mapping[str, Outcome]) -> list[str]:
    """The misbehaviours that are to be answered with a close of a code, and were not."""
    wrong = []
    for slug, outcome in outcomes.items():
        code, closed = MISBEHAVIOURS[slug].code, outcome.met[-1] if outcome.met else None
        if code and not (isinstance(closed, ConnectionClosed) and closed.code == code):
            wrong.append(f"{slug}: {closed} and not {code}")
    return wrong
