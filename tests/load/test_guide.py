"""What the guides show of journeys and of kept results has been run, and what they name is there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
import yaml

from fastphx.cli.load import load as load_command
from fastphx.load import User
from fastphx.testing import demo_server
from tests.load.journeys.running import run_journey

from .processes import TIMEOUT_S, load

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")
CHAPTERS = GUIDE[GUIDE.index("## Journeys\n") : GUIDE.index("## Shape\n")]
FROM_K6 = (ROOT / "docs" / "from-k6.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```\n", CHAPTERS, re.M | re.S)
FILES = {code.split(maxsplit=2)[1].rstrip(":"): code for code in PYTHON if code.startswith("# ")}
PLAN = """
connections = 3
rate = 100
duration = "300ms"
workers = 1
max-schedule-lag = "30s"
max-loop-lag = "30s"
max-cpu = "100%"
threshold = "lost==0"
"""
OUTPUT = re.findall(r"^```output\n(.*?)^```", CHAPTERS, re.M | re.S)


def rows_of(text: str) -> list[str]:
    """How the lines of a report's steps and sums begin, without their figures."""
    lines = text[text.index("\nstep ") if not text.startswith("step ") else 0 :].splitlines()
    return [re.split(r"\s{2,}|\d", line)[0] for line in lines if line.strip()]


def test_the_smallest_journey_prints_what_the_guide_says(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(FILES["hello.py"])
    (command,) = re.findall(r"^fastphx load hello\.py .*", CHAPTERS, re.M)
    words = shlex.split(command)
    with demo_server() as server:
        at = {"hello.py": str(tmp_path / "hello.py"), "http://127.0.0.1:4000": server.url}
        ran = load(tmp_path, *(at.get(word, word) for word in words[2:]))
    assert ran.code == 0, ran.err
    assert rows_of(ran.out) == rows_of(OUTPUT[0])
    assert ran.result is not None
    assert sum(row["steps_ok"] for row in ran.result["series"]) == 300


@pytest.mark.parametrize(("name", "steps"), [("talk.py", 5), ("orders.py", 3)])
async def test_a_journey_of_the_guide_runs(name: str, steps: int, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("name\nann\nbob\n")
    async with demo_server() as server:
        ran = await run_journey(
            tmp_path,
            FILES[name],
            server.url,
            users=4,
            iterations=1,
            data=str(tmp_path / "names.csv"),
            shared={"room": "room:42"},
        )
    ran.check_sums()
    assert ran.totals["visits_ok"] == 4
    assert ran.reasons == {}
    assert all(failed == 0 for _, failed in ran.checks.values())
    assert len(ran.steps) >= steps


def test_a_program_of_the_guide_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.py").write_text(FILES["hello.py"])
    monkeypatch.chdir(tmp_path)
    patient = '"hello.py", max_schedule_lag="30s", max_loop_lag="30s", max_cpu="100%", '
    code = FILES["check.py"].replace('"hello.py", ', patient)
    assert patient in code
    exec(code, {})
    assert capsys.readouterr().out == OUTPUT[1]


def test_a_part_of_an_example_stands_in_it() -> None:
    (part,) = [code for code in PYTHON if not code.startswith("# ")]
    example = (ROOT / "examples" / "load" / "shop.py").read_text()
    assert textwrap.indent(part, "        ") in example


def test_what_corrects_coordinated_omission_is_told_in_three_sentences() -> None:
    (paragraph,) = [
        text for text in CHAPTERS.split("\n\n") if text.startswith("A visit of an arrivals run is timed")
    ]
    assert len(re.findall(r"\.(?:\s|$)", paragraph)) == 3
    assert "cannot be corrected" in paragraph


def test_what_the_guide_says_of_kept_results_runs(tmp_path: Path) -> None:
    chapter = GUIDE[GUIDE.index("## Keeping results\n") : GUIDE.index("## The server's own figures\n")]
    # This machine may be busy.
    chapter = chapter.replace("rtt.p99<50ms", "rtt.p99<50s")
    chapter = chapter.replace("compare results", "compare results --tolerance 100000%")
    shell = re.findall(r"^```sh\n(.*?)^```", chapter, re.M | re.S)
    (job,) = re.findall(r"^```yaml\n(.*?)^```", chapter, re.M | re.S)
    (tmp_path / "checkout.toml").write_text(PLAN)
    with demo_server() as server:
        steps = [step["run"] for step in yaml.safe_load(job) if "run" in step]
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SERVER": server.websocket_url,
            "GITHUB_STEP_SUMMARY": "summary.md",
        }
        for script in (shell[0], *steps, shell[1]):
            command = ["bash", "-euc", script]
            ran = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
            )
            assert (ran.returncode, ran.stderr) == (0, ""), script
    kept = sorted((tmp_path / "results").glob("*-checkout*.json"))
    assert len(kept) == 2
    page = (tmp_path / "results" / "index.html").read_text()
    assert all(path.with_suffix(".html").exists() and f"{path.stem}.html" in page for path in kept)
    assert "fastphx load: kept results" in (tmp_path / "summary.md").read_text()
    assert "throughput.replies_per_s" in (tmp_path / "trend.html").read_text()


@pytest.mark.parametrize("text", [CHAPTERS, FROM_K6], ids=["load.md", "from-k6.md"])
def test_every_flag_and_name_is_there(text: str) -> None:
    flags = {
        name for option in load_command.params for name in option.opts if isinstance(option, click.Option)
    }
    of_k6 = {"--out", "--output"}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", text)) - of_k6 <= flags
    own = {"shop", "room"}
    assert {name for name in re.findall(r"\bself\.(\w+)", text) if not hasattr(User, name)} <= own
