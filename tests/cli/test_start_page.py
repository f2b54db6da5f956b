"""What docs/start.md shows is what the commands say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fastphx.operating_system import IS_LINUX
from fastphx.testing import Server, demo_server
from tests.cli.command import sentence

PAGE = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n\$ fastphx ([^\n]*)\n(.*?)^```", PAGE, re.M | re.S)
(JOURNEY,) = re.findall(r"^```python\n# journey\.py\n(.*?)^```", PAGE, re.M | re.S)
FIGURES = re.compile(r"[\d,.]*\d ms|\d[\d,]* connections|(?<=cores          )\d+")


def lines_of(text: str, server: Server) -> list[str]:
    """Without what differs from run to run and from machine to machine."""
    joined = re.sub(r"\n {10,}(?!Do: )", " ", text).replace(str(server.port), "4000")
    return [re.sub(r" {2,}", " ", FIGURES.sub("N", line)) for line in joined.splitlines()]


@pytest.mark.skipif(not IS_LINUX, reason="the page shows a machine with Linux, which tells its ports")
@pytest.mark.parametrize(("command", "shown"), CONSOLE)
def test_a_command_says_what_the_page_shows(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "108")
    with demo_server() as server:
        _, out, err = sentence(*shlex.split(command.replace("4000", str(server.port))))
    assert err == ""
    said, page = lines_of(out, server), lines_of(shown, server)
    if "…" not in page:
        assert said == page
    assert [line for line in page if line != "…" and line not in said] == []


def test_the_journey_is_the_one_that_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with demo_server() as server:
        assert sentence("init", server.url)[0] == 0
    assert (tmp_path / "journey.py").read_text().endswith(JOURNEY)


def test_the_page_has_its_examples() -> None:
    assert [command.split()[0] for command, _ in CONSOLE] == ["doctor", "doctor", "init"]
