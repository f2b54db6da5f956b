"""What a run shows while it goes: in place on a terminal, as lines elsewhere, and to nobody who reads."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import orjson
import pytest

from fastphx.load import Plan, Result
from fastphx.load.report import live_progress, unwaiting_stream
from fastphx.load.report.live_progress import LiveProgress
from fastphx.load.report.newest_error import NewestError
from fastphx.load.report.sparkline import sparkline
from fastphx.load.report.unwaiting_stream import UnwaitingStream
from fastphx.load.result.steps import Step
from tests.load.processes import PATIENT, TIMEOUT_S

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize(
    ("values", "width", "line", "ascii_line"),
    [
        ([], 5, "", ""),
        ([0.0, 0.0], 5, "▁▁", "__"),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, "▁▂▃▄▅▆▇██", "_.-~=+*##"),
        ([8.0, None, 4.0], 5, "█ ▅", "# ="),
        # The scale is that of what is shown.
        ([800.0, 1.0, 2.0], 2, "▅█", "=#"),
        ([1.0], 0, "", ""),
        ([1.0], -3, "", ""),
    ],
)
def test_a_sparkline(values: list[float | None], width: int, line: str, ascii_line: str) -> None:
    assert sparkline(values, width) == line
    assert sparkline(values, width, ascii_only=True) == ascii_line


def test_the_newest_error_is_told_with_how_often_it_came() -> None:
    result, newest = Result(Plan.from_mapping({})), NewestError()
    newest.look(result)
    assert newest.text == ""
    result.reasons["connect"] = Counter({"refused": 7})
    newest.look(result)
    assert newest.text == "connect: refused (7)"
    result.reasons["join"] = Counter({"bad\x1b[2J": 1})
    newest.look(result)
    assert newest.text == "join: bad\\x1b[2J (1)"
    # Nothing new leaves it.
    newest.look(result)
    assert newest.text == "join: bad\\x1b[2J (1)"
    result.reasons["connect"]["refused"] += 2
    result.steps["push echo"] = Step("push echo", reasons=Counter({"timeout": 1}))
    newest.look(result)
    assert newest.text == "connect: refused (9)"
    result.steps["push echo"].reasons["timeout"] += 1
    newest.look(result)
    assert newest.text == "push echo: timeout (2)"


# -- on a terminal


class Terminal:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._leader, follower = pty.openpty()
        self.stream = open(follower, "w", encoding=encoding, errors="backslashreplace")  # noqa: SIM115
        self._read = bytearray()
        self._reading = threading.Thread(target=self._follow)
        self._reading.start()

    def _follow(self) -> None:
        try:
            while data := os.read(self._leader, 65536):
                self._read += data
        except OSError:
            # Linux' way to say that nobody has the other end any more.
            pass

    def end(self) -> list[str]:
        """Its lines, without colours and movements of the cursor."""
        self.stream.close()
        self._reading.join()
        os.close(self._leader)
        text = ESCAPES.sub("", self._read.decode(self.stream.encoding))
        return [line.strip() for line in re.split(r"[\r\n]+", text)]


def rows() -> Iterator[dict[str, Any]]:
    empty = dict.fromkeys(
        ("connect_errors", "disconnects", "error_replies", "join_errors", "lost", "unsent", "deliveries"), 0
    )
    for t, p99_s in enumerate((0.001, 0.004, 0.002), 1):
        rtt = {"p50": 0.0005, "p99": p99_s}
        yield empty | {"t": t, "connected": 9, "joined": 9, "pushes": 100 * t, "replies": 100 * t, "rtt": rtt}


def shown_on(columns: int, monkeypatch: pytest.MonkeyPatch, encoding: str = "utf-8") -> list[str]:
    """What a run shows there; by the clock it is half over."""
    now_s = 10.0
    monkeypatch.setattr(live_progress, "monotonic", lambda: now_s)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal(encoding)
    result = Result(Plan.from_mapping({}))
    result.reasons["connect"] = Counter({"refused": 7})
    progress = LiveProgress(result.plan, UnwaitingStream(terminal.stream))
    progress.phase("step 2, to grow: 400 pushes", 10.0)
    now_s += 5
    for row in rows():
        progress.row(row, result)
    progress.output("worker 0: [b]hello[/b]")
    progress.close()
    return terminal.end()


def test_a_wide_terminal_shows_the_last_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown_on(120, monkeypatch)
    assert f"step 2, to grow: 400 pushes {'━' * 15}╺{'━' * 14} 5s" in lines
    assert "RTT p99 ▃█▅ 2 ms, at most 4 ms" in lines
    assert "replies ▃▆█ 300/s, at most 300/s" in lines
    assert "last error: connect: refused (7)" in lines
    assert "worker 0: [b]hello[/b]" in lines


@pytest.mark.parametrize("columns", [40, 80])
def test_nothing_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown_on(columns, monkeypatch)
    assert max(map(len, lines)) <= columns
    assert any(line.startswith("RTT p99 ▃█▅ 2 ms") for line in lines)


def test_an_encoding_without_blocks_has_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown_on(120, monkeypatch, "ascii")
    assert "RTT p99 -#= 2 ms, at most 4 ms" in lines


def test_no_color_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    result = Result(Plan.from_mapping({}))
    progress = LiveProgress(result.plan, UnwaitingStream(terminal.stream))
    result.reasons["connect"] = Counter({"refused": 7})
    for row in rows():
        progress.row(row, result)
    progress.close()
    terminal.end()
    assert not re.search(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m", bytes(terminal._read))


# -- nobody reads


def pipe() -> tuple[TextIO, TextIO]:
    """Its two ends."""
    reading, writing = os.pipe()
    return open(reading, encoding="utf-8"), open(writing, "w", encoding="utf-8")


def test_a_late_reader_gets_it_all_in_order() -> None:
    reader, stream = pipe()
    with reader, stream:
        output = UnwaitingStream(stream)
        for number in range(20_000):
            output.write(f"{number}\n")
        got = [next(reader) for _ in range(500)]
        catching_up = threading.Thread(target=lambda: got.extend(reader))
        catching_up.start()
        output.end()
        stream.close()
        catching_up.join()
    assert [int(line) for line in got] == list(range(20_000))
    assert output.dropped_lines == 0


def test_what_nobody_reads_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwaiting_stream, "END_S", 0.01)
    monkeypatch.setattr(unwaiting_stream, "MAX_KEPT_BYTES", 1000)
    reader, stream = pipe()
    with reader, stream:
        output = UnwaitingStream(stream)
        for _ in range(2000):
            output.write("x" * 99 + "\n")
        before = output.dropped_lines
        output.end()
        # What was kept is dropped, too.
        assert output.dropped_lines == before + 10
        stream.close()
        assert len(reader.readlines()) + output.dropped_lines == 2000


def test_a_stream_of_no_file_is_written_to() -> None:
    stream = io.StringIO()
    output = UnwaitingStream(stream)
    output.write("hello\n")
    output.end()
    assert (stream.getvalue(), output.dropped_lines) == ("hello\n", 0)


def test_a_run_does_not_wait_for_who_reads_its_progress(tmp_path: Path) -> None:
    """A script prints far more than a pipe takes, and nobody reads until the report is written."""
    script, report = tmp_path / "loud.py", tmp_path / "result.json"
    script.write_text(
        "from fastphx.load import User\n\n\nclass Loud(User):\n    async def run(self):\n"
        "        async with self.socket():\n            for _ in range(500):\n"
        "                print('x' * 900)\n"
    )
    reading, writing = os.pipe()
    command = (sys.executable, "-m", "fastphx", "load", str(script), "--json", str(report), *PATIENT)
    arguments = ("--users", "1", "--iterations", "1", "--workers", "1")
    process = subprocess.Popen(
        [*command, *arguments], stdout=writing, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    os.close(writing)
    try:
        # The page of tables is longer than what is left in the pipe: the process waits for its reader there.
        deadline_s = time.monotonic() + TIMEOUT_S
        while not report.exists() or not report.read_bytes().endswith(b"}\n"):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        with open(reading, "rb") as reader:
            out = reader.read()
        _, err = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    assert orjson.loads(report.read_bytes())["visits"]["ok"] == 1
    assert process.returncode == 0
    assert out.count(b"worker 0: xxx") < 500
    dropped = re.search(rb"fastphx: (\d+) lines of the progress were dropped: nobody read this output", err)
    assert dropped, err
    assert out.count(b"worker 0: xxx") + int(dropped[1]) >= 500
