"""A page that is played: what it shows is run, in the order in which it stands there.

- ``python`` is run by itself, and prints what the ``output`` block below it says. Where its first line is
  ``# NAME.py`` it is a file of that name, too; where it has a test, pytest runs it.
- Any other block whose first line is ``# NAME`` is a file.
- ``sh`` are commands, each of which ends well, and prints what an ``output`` block below says. Those that are
  for the reader's machine (NOT_HERE) are passed over. Load runs are made small.
- Every other language is shown, and not run: ``console``, ``elixir``, ``yaml``, ``text``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import sentence
from tests.load.processes import PATIENT
from tests.pytest_process import run_pytest

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:\n```output\n(.*?)^```\n)?", re.M | re.S)
NAMED = re.compile(r"# ([\w.-]+\.\w+)(?:\n|: )")
RUN = {"python", "sh", "toml"}
NOT_HERE = ("make ", "pip ", "python3 -m venv ", "fastphx serve ", "pytest ")
"""What installs, what does not end, and tests, which have been run where they stand."""
ADDRESS = "localhost:4000"
TIMEOUT_S = 60.0

SMALL_JOURNEY = ("--users", "5", "--duration", "300ms")
SMALL = ("--connections", "5", "--rate", "100", "--duration", "300ms", "--warm-up", "0")
CODES = {"load": {0, 99}, "compare": {0, 99}, "doctor": {0, 1}}
"""A machine that runs a test suite besides is too slow for some thresholds, and may lack open files."""
IN_PROCESS = {"load", "compare"}
"""Which costs half of what a process does."""


@dataclass(frozen=True)
class Block:
    """A block of code, and what stands below it as its output."""

    language: str
    code: str
    output: str | None

    @property
    def name(self) -> str | None:
        """The file that it is."""
        named = NAMED.match(self.code)
        return named[1] if named else None


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page that are run."""
    blocks = [Block(match[1], match[2], match[3]) for match in BLOCK.finditer(text)]
    return [block for block in blocks if block.language in RUN]


def play(text: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what the page *text* shows, in the current folder, against the server at *address* (HOST:PORT)."""
    for block in blocks_of(text.replace(ADDRESS, address)):
        code = block.code
        if block.name is not None:
            Path(block.name).write_text(code, encoding="utf-8")
        if block.language == "python" and "def test_" in code:
            name = block.name or "test_example.py"
            Path(name).write_text(code, encoding="utf-8")
            ended = run_pytest(Path.cwd(), name)
            assert ended.returncode == 0, ended.stdout + ended.stderr
        elif block.language == "python" and "sys.argv" not in code:
            assert printed(sys.executable, "-W", "error", "-c", code) == (block.output or "")
        elif block.language == "sh":
            said = "".join(command(line, monkeypatch) for line in lines_of(code))
            assert block.output in (None, said)


def lines_of(code: str) -> Iterator[str]:
    """The commands that are run here."""
    for line in code.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith(NOT_HERE):
            yield line


def command(line: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a command, and return what it has printed."""
    words = shlex.split(line, comments=True)
    with monkeypatch.context() as patched:
        while "=" in words[0]:
            patched.setenv(*words.pop(0).split("=", 1))
        if words[0] == "python":
            return printed(sys.executable, *words[1:])
        if words[0] != "fastphx":
            return printed("bash", "-euc", line)
        _, name, *rest = words
        if name == "load":
            rest += (*PATIENT, *(SMALL_JOURNEY if is_journey(rest) else SMALL))
        if name not in IN_PROCESS:
            return printed(sys.executable, "-m", "fastphx", name, *rest, codes=CODES.get(name, {0}))
        code, out, err = sentence(name, *rest)
    assert code in CODES[name], (line, out, err)
    return out


def is_journey(words: list[str]) -> bool:
    """Whether a load run of these arguments has users."""
    plans = [Path(word).read_text(encoding="utf-8") for word in words if word.endswith(".toml")]
    return any(word.endswith(".py") for word in words) or any("journey.py" in plan for plan in plans)


def printed(*words: str, codes: Collection[int] = (0,)) -> str:
    done = subprocess.run(
        words, env=os.environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode in codes, (words, done.stderr or done.stdout)
    return done.stdout
