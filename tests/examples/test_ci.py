"""`action.yml` and `examples/ci/`: what they run is run here, and each action has one commit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from fastphx.testing.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0
COMMIT = re.compile(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def run_step(name: str, tmp_path: Path, **inputs: str) -> tuple[int, dict[str, str], str]:
    """Run that step of the action with *inputs*. Returns its exit code, its outputs, and the page."""
    if shutil.which("curl") is None:
        pytest.skip("curl, with which the action waits, is not installed: apt-get install curl")
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (step,) = (step for step in steps if step.get("name") == name)
    page, outputs = tmp_path / "page.md", tmp_path / "outputs"
    given = {variable: inputs.get(variable, "") for variable in step["env"]}
    environment = {
        **os.environ,
        **given,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GITHUB_STEP_SUMMARY": str(page),
        "GITHUB_OUTPUT": str(outputs),
    }
    # As GitHub starts it.
    command = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"])
    done = subprocess.run(command, cwd=tmp_path, env=environment, timeout=TIMEOUT_S, capture_output=True)
    said = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return done.returncode, said, page.read_text()


@pytest.mark.parametrize(("threshold", "code"), [("lost==0", 0), ("replies>=1000000", 99)])
def test_the_action_reports_a_run_and_fails_with_its_thresholds(
    tmp_path: Path, threshold: str, code: int
) -> None:
    with ServerProcess() as server:
        returned, outputs, page = run_step(
            "Load",
            tmp_path,
            TARGET=f"{server.url}\n",
            THRESHOLDS=f"{threshold}\nerror_replies==0\n",
            ARGUMENTS="--connections=5\n--rate=50\n--duration=1s\n--event=echo\n",
            WAIT_FOR=server.url.replace("ws", "http", 1).rpartition("/")[0] + "/stats",
            REPORTS="re ports",
        )
    assert (returned, outputs["exit-code"]) == (code, str(code))
    assert threshold in page.replace("\\", "")
    result = orjson.loads((tmp_path / outputs["result"]).read_bytes())
    assert result["totals"]["replies"] > 0
    assert {path.name for path in (tmp_path / "re ports").iterdir()} == {
        "report.html",
        "result.json",
        "thresholds.xml",
    }


def test_a_line_of_the_inputs_is_never_a_command(tmp_path: Path) -> None:
    evil = f"$(touch {tmp_path}/owned)`touch {tmp_path}/owned`; touch {tmp_path}/owned"
    code, outputs, _ = run_step_without_page(tmp_path, TARGET=evil, THRESHOLDS=evil, ARGUMENTS=evil)
    assert (code, outputs["exit-code"]) == (2, "2")
    assert not (tmp_path / "owned").exists()


def test_the_action_asks_nothing_of_bash_that_macos_lacks() -> None:
    # Its bash is 3.2.
    assert not re.search(
        r"mapfile |readarray |declare -[An]|\$\{\w+(\^|,)", (ROOT / "action.yml").read_text()
    )


def run_step_without_page(tmp_path: Path, **inputs: str) -> tuple[int, dict[str, str], str]:
    (tmp_path / "page.md").touch()
    return run_step("Load", tmp_path, REPORTS="reports", **inputs)


@pytest.mark.parametrize("path", ["action.yml", "examples/ci/github.yml"])
def test_each_action_has_one_commit(path: str) -> None:
    for line in (ROOT / path).read_text().splitlines():
        if "uses: " in line and "fastphx/fastphx@" not in line:
            assert COMMIT.search(line), line


def test_the_examples_name_inputs_that_the_action_has() -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"]
    job = yaml.safe_load((ROOT / "examples/ci/github.yml").read_text())["jobs"]["load"]
    (step,) = (step for step in job["steps"] if step["uses"].startswith("fastphx/"))
    assert set(step["with"]) <= set(inputs)


def test_gitlabs_commands_run(tmp_path: Path) -> None:
    job: dict[str, Any] = yaml.safe_load((ROOT / "examples/ci/gitlab.yml").read_text())["load"]
    doctor, mkdir, load = job["script"][1:]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with ServerProcess() as server:
        base = server.url.removesuffix("/socket").removeprefix("ws://")
        for command in (doctor, mkdir, load):
            arguments = shlex.split(command.replace("app:4000", base))
            for flag, value in (("--connections", "5"), ("--rate", "20"), ("--duration", "1s")):
                if flag in arguments:
                    arguments[arguments.index(flag) + 1] = value
            done = subprocess.run(
                arguments, cwd=tmp_path, env=environment, timeout=TIMEOUT_S, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reports" / "thresholds.xml").exists()
