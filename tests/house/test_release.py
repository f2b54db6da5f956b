"""What a release is made of: pinned actions, locked packages, and wheels that hold what they should."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from ci.check_tag import disagreement
from ci.wheel_contents import MAX_BYTES, faults

from tests.house.checkout import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
LOCKED = sorted((ROOT / "ci" / "locked").glob("*.txt"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_to_a_commit_and_says_its_version(workflow: Path) -> None:
    for used in re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8")):
        assert used.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", used), used


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_has_a_bound_and_leaves_no_token_behind(workflow: Path) -> None:
    for name, job in yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].items():
        assert "uses" in job or "timeout-minutes" in job, name
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_which_pythons_have_a_wheel_stands_in_one_place() -> None:
    # In the environment it would take the place of pyproject.toml's, and let Pythons in that nobody tried.
    assert "CIBW_BUILD:" not in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")


def test_each_python_that_has_a_wheel_runs_the_tests() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheels = re.findall(r"cp3(\d+)-", pyproject["tool"]["cibuildwheel"]["build"])
    check = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
    tested = check["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == [f"3.{minor}" for minor in wheels]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(pyproject["project"]["classifiers"]))
    assert set(named) <= set(tested)


@pytest.mark.parametrize("locked", LOCKED, ids=lambda path: path.name)
def test_what_is_locked_has_a_version_and_hashes_and_names_no_host(locked: Path) -> None:
    text = locked.read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index|--find-links|--trusted", text)
    for requirement in re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", text, flags=re.M)):
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!]+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_what_is_built_and_run_with_is_locked() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    asked = {*pyproject["build-system"]["requires"], *project["dependencies"]}
    asked |= {each for extra in project["optional-dependencies"].values() for each in extra}
    names = {re.split(r"[^\w.-]", each)[0].lower() for each in asked} - {"fastphx"}
    locked = {
        name.lower()
        for name in re.findall(
            r"^([\w.-]+)==", (ROOT / "ci" / "locked" / "check.txt").read_text(encoding="utf-8"), re.M
        )
    }
    assert names - locked == set(), "run ci/lock"


def test_a_tag_that_is_not_the_version_makes_no_release(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 1.2.3\n")
    assert "tag v1.2.3" in disagreement("v1.2.4", tmp_path)
    assert "begins with Unreleased" in disagreement("v1.2.3", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n## 1.2.2\n")
    assert disagreement("v1.2.3", tmp_path) == ""


def test_what_a_wheel_lacks_or_should_not_hold_is_told() -> None:
    whole = ["fastphx/py.typed", "fastphx/a.cpython-311-x86_64-linux-gnu.so", "fastphx-1.dist-info/METADATA"]
    whole += [f"fastphx/a.{suffix}" for suffix in ("pyx", "pxd", "pyi")]
    assert faults(whole, 1000) == []
    assert faults(whole, MAX_BYTES + 1) != []
    for lacking in whole:
        left = [name for name in whole if name != lacking]
        assert bool(faults(left, 1000)) is (not lacking.endswith(("METADATA", ".pyx"))), lacking
    for added in ("tests/test_a.py", "fastphx/a.c", "fastphx/b.pyx", "fastphx/tests/x.py", "setup.py"):
        assert faults([*whole, added], 1000) != [], added
