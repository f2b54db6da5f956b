"""Whatever a server does, a command ends in a sentence and with the right code, and memory is bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.hostile.commands import Ended, run_all
from tests.hostile.misbehaviours import of_families
from tests.hostile.server import hostile_server
from tests.load.processes import PATIENT

EVERY = 10
"""A command costs ten times what a cell of test_subjects.py does, and reads the network with the same code:
of the large families, one in so many."""
MOST_BYTES = 250_000_000
"""Of a command's process; its own share of that is what all of them have imported."""

SLUGS = of_families("handshake", "frames", "protocol")[::EVERY] + of_families("flood", "bomb")
LISTENING = SLUGS
PAGES = SLUGS[::2] + of_families("liveview")[::EVERY] + of_families("page")
LONGPOLL = of_families("longpoll")[::EVERY]
LOADED = SLUGS[::15]


def commands(address: str) -> dict[str, list[str]]:
    """Each by its name."""
    quick = ("--timeout", "400ms")
    listening = ("room:a", "--for", "150ms", *quick)
    plan = (
        "-c",
        "2",
        "--rate",
        "20",
        "--duration",
        "300ms",
        "--timeout",
        "200ms",
        "--graceful-stop",
        "200ms",
    )
    load = (*PATIENT, *plan, "--connect-timeout", "300ms", "--workers", "1", "--quiet")
    return {
        **{f"listen-{slug}": ["listen", f"ws://{address}/{slug}/socket", *listening] for slug in LISTENING},
        **{
            f"listen_by_longpoll-{slug}": [
                *("listen", f"ws://{address}/{slug}/socket", *listening, "--transport", "longpoll")
            ]
            for slug in LONGPOLL
        },
        **{
            f"live-{slug}": [
                *("live", f"http://{address}/{slug}/page", "--live-path", f"/{slug}/live", *quick),
                *("--click", "#inc"),
            ]
            for slug in PAGES
        },
        **{f"load-{slug}": ["load", f"ws://{address}/{slug}/socket", *load] for slug in LOADED},
    }


NAMES = list(commands("h"))
CODES = {"listen": {0, 1, 3}, "listen_by_longpoll": {0, 1, 3}, "live": {0, 1, 3}, "load": {0, 3, 4, 5}}


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest) -> Iterator[Mapping[str, Ended]]:
    """How the commands have ended that this run of pytest asks for."""
    asked = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    with hostile_server() as address:
        yield run_all({name: each for name, each in commands(address).items() if name in asked})


@pytest.mark.parametrize("name", NAMES)
def test_it_ends_in_a_sentence(ended: Mapping[str, Ended], name: str) -> None:
    code, out, err, most_bytes = ended[name]
    command = name.partition("-")[0]
    assert "Traceback" not in err, err
    assert code in CODES[command], (code, err)
    if code:
        assert err
    assert err.replace("\n", "").isprintable(), err
    assert most_bytes < MOST_BYTES
    if command.startswith("listen"):
        for line in out.splitlines():
            assert json.loads(line)["topic"]
