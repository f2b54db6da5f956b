"""Servers that do what a right one does not: a run counts it as what it is."""

from __future__ import annotations

import json
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


def test_what_comes_behind_the_leave_is_stale(tmp_path: Path) -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        if pushed.event == "phx_leave":
            # LiveView closes before it replies.
            yield [pushed.join_ref, pushed.join_ref, pushed.topic, "phx_close", {}]
            yield [None, None, pushed.topic, "msg", {}]
        yield pushed.reply()

    with answering(answer) as url:
        run = load(tmp_path, url, *("-c", "3", "--rate", "50", "--duration", "300ms"))
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["stale"] == 6
    assert run.totals["unknown_topic"] == run.totals["duplicates"] == run.totals["deliveries"] == 0


def test_a_push_that_crosses_the_end_of_its_channel_is_lost_and_late(tmp_path: Path) -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        if pushed.event == "echo":
            yield [pushed.join_ref, pushed.join_ref, pushed.topic, "phx_close", {}]
            yield [None, pushed.ref, pushed.topic, "phx_reply", {"response": {}, "status": "error"}]
        else:
            yield pushed.reply()

    with answering(answer) as url:
        run = load(tmp_path, url, *("-c", "3", "--rate", "50", "--duration", "300ms", "--quiet"))
    check_identities(run.totals)
    # One a channel, and one more of each that has joined again before the end.
    assert run.totals["lost_closed"] == run.totals["late"] == run.totals["pushes"] >= 3
    assert run.totals["unknown_topic"] == run.totals["stale"] == 0


def test_a_workers_line_is_bounded_whatever_events_are_called(tmp_path: Path) -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        yield pushed.reply()
        if pushed.event == "phx_join":
            for number in range(20):
                yield [None, None, pushed.topic, f"{number}" + "ä" * (1 << 19), {}]
            for number in range(2000):
                yield [None, None, pushed.topic, f"{number}" + "\x01" * 500, {}]

    with answering(answer) as url:
        run = load(tmp_path, url, *("--scenario", "listen", "-c", "1", "--duration", "3s"))
    assert run.code == 0, run.err
    assert run.result is not None
    events = run.result["events"]
    assert sum(each["count"] for each in events.values()) == run.totals["deliveries"] == 2020
    assert len(events) == 1001
    assert max(map(len, events)) == 201
    assert all(name.endswith("…") for name in events if name)
    assert len(run.out) < 20_000


def test_a_refusal_that_is_nested_deep_is_a_refusal(tmp_path: Path) -> None:
    deep = "[" * 1000 + "]" * 1000

    def answer(pushed: Pushed) -> Iterator[list[Any] | str]:
        yield json.dumps(pushed.reply("DEEP", "error")).replace('"DEEP"', deep)

    with answering(answer) as url:
        run = load(tmp_path, url, *("-c", "1", "--duration", "300ms", "--quiet"))
    assert run.code == 5
    assert "could join: refused: " in run.err
    check_identities(run.totals)
    assert run.totals["join_errors"] >= 1
