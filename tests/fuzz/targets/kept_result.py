"""A result that was kept as JSON, with anything changed in it: it is refused in one sentence, or compared and
reported on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from fastphx.load.report import write_reports
from fastphx.load.report.json import encoded, read_json
from fastphx.load.result.comparison import compare
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import Kept, read_result
from tests.fuzz.memory_file import MemoryFile
from tests.fuzz.pieces import JSON
from tests.fuzz.steps import BETWEEN
from tests.load.test_reports import hostile_result

SECTIONS = (
    "totals",
    "latency/rtt",
    "series",
    "plan",
    "plan/scenario",
    "schema",
    "outcome",
    "started_at",
    "name",
    "notes",
)
PIECES = (
    *(*JSON, BETWEEN, b"\t"),
    *(BETWEEN + section.encode() + b"\t" for section in SECTIONS),
    *(
        b'"fastphx.load/1"',
        b'"fastphx.load/2"',
        b'"passed"',
        b'"2026-01-01T00:00:00Z"',
        b"1e308",
        b"-1",
        b"/p99",
        b"/0",
    ),
)
MAX_BYTES = 1000
FILE = MemoryFile("result.json")
REPORT = MemoryFile("report")
REPORTS = ("markdown", "junit")


@cache
def base() -> bytes:
    return encoded(hostile_result()[1])


def seeds() -> Iterable[bytes]:
    for section in (*SECTIONS, "totals/lost", "latency/rtt/p99", "histograms/rtt"):
        for value in (b"null", b"1", b'"\\u001b[2J"', b"[]", b"{}", b"1e308"):
            yield section.encode() + b"\t" + value


def check(data: bytes) -> None:
    result = orjson.loads(base())
    for change in data.split(BETWEEN):
        put(result, *change.partition(b"\t")[::2])
    path = Path(FILE.holding(orjson.dumps(result)))
    try:
        kept = read_result(path)
        for figure in compare(orjson.loads(base()), kept, 0.05):
            assert isinstance(figure.is_worse, bool)
            assert isinstance(figure.ratio, float)
        assert compare(kept, kept, 0.0) is not None
        assert isinstance(Kept.of(path, kept).says_something, bool)
        mapping = read_json(path)
    except ResultError as error:
        assert str(error).isprintable()
        return
    problems = write_reports(mapping, dict.fromkeys(REPORTS, REPORT.path))
    assert all("\x1b" not in problem for problem in problems)
    if REPORT.path.exists():
        assert "\x1b" not in REPORT.path.read_text(encoding="utf-8")
        REPORT.path.unlink()


def put(result: Any, path: bytes, value: bytes) -> None:
    """Put the JSON *value* where the keys of *path* lead, if they lead somewhere."""
    try:
        *keys, last = path.decode().split("/")
        put_in: Any = orjson.loads(value)
    except ValueError:
        return
    for key in keys:
        result = result.get(key) if isinstance(result, dict) else None
    if isinstance(result, dict):
        result[last] = put_in
