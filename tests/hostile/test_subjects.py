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
CELLS = [(name, slug) for name, (_, slugs) in SUBJECTS.items() for slug in slugs]

Tried = Mapping[str, tuple[Mapping[str, Outcome], list[str]]]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with hostile_server() as address:
        yield address


@pytest.fixture(scope="module")
def tried(address: str, request: pytest.FixtureRequest) -> Tried:
    """What each subject came to on the misbehaviours that this run of pytest asks for: many side by side,
    since they mostly wait."""
    asked: dict[str, list[str]] = {name: [] for name in SUBJECTS}
    for item in request.session.items:
        cell = getattr(item, "callspec", None)
        if cell is not None and "slug" in cell.params and item.path == request.path:
            asked[cell.params["subject"]].append(cell.params["slug"])
    # A worker collects what lives; here it would look at all that pytest has.
    with mock.patch.object(fastphx.load.worker.runner, "gc"):
        return {name: try_all(SUBJECTS[name][0], slugs, address) for name, slugs in asked.items()}


@pytest.mark.parametrize(("subject", "slug"), CELLS, ids=[f"{name}-{slug}" for name, slug in CELLS])
def test_it_ends_with_an_error_of_fastphx_at_most(tried: Tried, subject: str, slug: str) -> None:
    outcome = tried[subject][0][slug]
    assert not outcome.problems
    code = MISBEHAVIOURS[slug].code
    if code and subject == "behaviour":
        closed = outcome.met[-1]
        assert isinstance(closed, ConnectionClosed)
        assert closed.code == code


@pytest.mark.parametrize("subject", SUBJECTS)
def test_it_leaves_nothing_behind(tried: Tried, subject: str) -> None:
    """No task, timer or socket, no traceback in the log, nothing told to the loop; and memory is bounded."""
    assert tried[subject][1] == []
