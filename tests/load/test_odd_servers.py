"""Servers that do what a right one does not: a run counts it as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.answering_server import Pushed, answering

from .processes import check_identities, load


def test_a_reply_on_another_topic_is_no_answer(tmp_path: Path) -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        if pushed.event == "echo":
            yield pushed.reply(topic="room:b" if pushed.topic == "room:a" else "room:a")
        yield pushed.reply()

    with answering(answer) as url:
        run = load(
            tmp_path,
            *(
                url,
                "-c",
                "2",
                "--topic",
                "room:a",
                "--topic",
                "room:b",
                "--rate",
                "50",
                "--duration",
                "400ms",
            ),
        )
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["replies"] == run.totals["unexpected"] == run.totals["pushes"] == 20
    assert run.totals["duplicates"] == 0
