"""The lines of a worker: bounded, whatever is in them."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from fastphx.load.result import line as worker_line
from fastphx.load.result.line import encode_line
from fastphx.load.result.reasons import Reasons
from fastphx.load.worker import stats
from fastphx.operating_system import memory

from .processes import load


def test_a_line_that_is_too_long_leaves_out_the_longest_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_line, "MAX_LINE_BYTES", 1000)
    events = {f"event {number}": [1, 2] for number in range(100)}
    line: dict[str, Any] = {"type": "stats", "reasons": {"join": {"x" * 200: 3}}, "events": events}
    assert orjson.loads(encode_line(line)) == {**line, "events": {}, "left_out": {"events": 100}}
    assert orjson.loads(encode_line({**line, "events": {}})) == {**line, "events": {}}


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    line: dict[str, Any] = {"checks": {"\ud800": [1, 0]}, "why": "caf\udce9", "at_ns": 1}
    assert orjson.loads(encode_line(line)) == {"checks": {"\\ud800": [1, 0]}, "why": "caf\\udce9", "at_ns": 1}


def test_topics_come_some_a_line_and_by_names_that_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "MAX_TOPICS_A_LINE", 2)
    counted = SimpleNamespace(published=1, received=2)
    topics = {"a": counted, "é" * 200: counted, "b" * 1000 + "1": counted, "b" * 1000 + "2": counted}
    its = SimpleNamespace(_meter=SimpleNamespace(topics=topics), subscribers={"a": 3})
    lines = list(stats.Stats.topics(its))  # type: ignore[arg-type]
    assert [len(line["topics"]) for line in lines] == [2, 2]
    names = [name for line in lines for name in line["topics"]]
    assert names[:2] == ["a", "é" * 200]
    assert all(name.startswith("b" * 200 + "…") and len(name) < 220 for name in names[2:])
    assert lines[0]["topics"]["a"] == [1, 2, 3]


def test_reasons_are_clipped() -> None:
    reasons = Reasons()
    reasons.add("join", "x" * 1000)
    assert reasons.take() == {"join": {"x" * 200 + "…": 1}}


def test_memory_is_told_where_no_file_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(memory, "open", full, raising=False)
    assert memory.rss_bytes() > 1 << 20


def test_a_plan_of_two_megabytes_reaches_its_worker(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'duration = "300ms"\nconnections = 1\nrate = 10\npayload = "{chr(92)}"{"x" * (2 << 20)}{chr(92)}""\n'
    )
    run = load(tmp_path, str(plan))
    assert run.code == 0, run.err
    assert run.totals["replies"] == 3


def test_braces_that_are_doubled_are_text(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "class Scenario:\n"
        "    def on_joined(self, topic, response):\n"
        "        assert response == {'joined': {'a': '{i}'}}, response\n"
    )
    run = load(
        tmp_path,
        *("--scenario", str(tmp_path / "own.py"), "--join-payload", '{"a":"{{i}}"}', "-c", "1"),
        *("--duration", "300ms"),
    )
    assert run.code == 0, run.err


@pytest.mark.parametrize("vsn", ["2.0.0", "1.0.0"])
def test_a_join_payload_of_null_is_null(tmp_path: Path, vsn: str) -> None:
    (tmp_path / "own.py").write_text(
        "class Scenario:\n"
        "    def on_joined(self, topic, response):\n"
        "        assert response == {'joined': None}, response\n"
    )
    run = load(
        tmp_path,
        *("--scenario", str(tmp_path / "own.py"), "--join-payload", "null", "-c", "1", "--vsn", vsn),
        *("--duration", "300ms"),
    )
    assert run.code == 0, run.err


def test_threads_of_a_script_do_not_hold_its_worker(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import threading\n"
        "class Scenario:\n"
        "    def on_joined(self, topic, response):\n"
        "        threading.Timer(600, print).start()\n"
    )
    run = load(tmp_path, *("--scenario", str(tmp_path / "own.py"), "-c", "2", "--duration", "300ms"))
    assert run.code == 0, run.err
    assert "the scenario left 2 threads running" in run.out + run.err
