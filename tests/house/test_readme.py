"""What the README shows has been run: its examples, and what they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from fastphx.load.result.result import EXIT_CODES, EXIT_NO_CONNECTION
from tests.house.checkout import ROOT
from tests.pytest_process import run_pytest

if TYPE_CHECKING:
    from fastphx.testing.server import Server

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```\n(?:\n```output\n(.*?)^```)?", README, re.M | re.S)
FIRST_HOUR = ("fastphx doctor ", "fastphx init ", "fastphx load plan.toml")
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S)).replace("\\\n", " ")
TIMEOUT_S = 60.0


def run(*command: str, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode in codes, done.stderr or done.stdout
    return done.stdout


def at(server: Server, text: str) -> str:
    return text.replace("localhost:4000", f"127.0.0.1:{server.port}")


@pytest.mark.parametrize(("code", "output"), [example for example in PYTHON if "def test_" not in example[0]])
def test_an_example_prints_what_the_readme_says(
    code: str, output: str, phoenix_server: Server, tmp_path: Path
) -> None:
    assert run(sys.executable, "-W", "error", "-c", at(phoenix_server, code), cwd=tmp_path) == output


@pytest.mark.parametrize("code", [code for code, _ in PYTHON if "def test_" in code])
def test_an_example_of_a_test_passes(code: str, tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(code, encoding="utf-8")
    ended = run_pytest(tmp_path, "test_example.py")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_first_hour_goes_well(phoenix_server: Server, tmp_path: Path) -> None:
    lines = [line for line in SHELL.splitlines() if line.startswith(FIRST_HOUR)]
    assert len(lines) == len(FIRST_HOUR)
    for line in lines:
        words = shlex.split(at(phoenix_server, line), comments=True)[1:]
        smaller = ("--duration", "500ms") if words[0] == "load" else ()
        run(sys.executable, "-m", "fastphx", *words, *smaller, cwd=tmp_path, codes=(0, 4))


@pytest.mark.parametrize(
    "line",
    [
        line
        for line in SHELL.splitlines()
        if line.startswith("fastphx load ") and not line.startswith(FIRST_HOUR)
    ],
)
def test_a_load_example_runs(line: str, phoenix_server: Server, tmp_path: Path) -> None:
    words = shlex.split(at(phoenix_server, line), comments=True)[1:]
    smaller = ("--connections", "5", "--rate", "100", "--duration", "1s")
    # Invalid (4) and too slow (99) are honest answers of a machine that runs a test suite besides.
    run(sys.executable, "-m", "fastphx", *words, *smaller, cwd=tmp_path, codes=(0, 4, 99))


def test_the_readme_has_its_examples() -> None:
    assert len(PYTHON) == 4
    assert SHELL.count("fastphx load ") == 3


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_the_exit_codes_are_those_of_a_run() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)}
    assert told == {click.UsageError.exit_code, EXIT_NO_CONNECTION, *EXIT_CODES.values()}
