"""Results that are kept: ``--save``, and what is made of them."""

from __future__ import annotations

import signal
from pathlib import Path

import jsonschema
import orjson
import pytest

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.plan_file import read_plan
from fastphx.load.report.json import read_json, schema
from fastphx.load.report.save import file_stem, save
from fastphx.load.result.error import ResultError
from fastphx.load.result.result import Result
from tests.cli.command import sentence

from .processes import end, kill, load, start_load, wait_for_line


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_is_kept_under_its_time_and_name(tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "results"
    run = load(tmp_path, "-c", "2", "--rate", "50", "--duration", "300ms", "--save", str(folder))
    (name,) = files_in(folder)
    assert run.result is not None
    at = run.result["started_at"].replace("-", "").replace(":", "")
    assert name == f"{at}-echo.json"
    assert run.out.splitlines()[-1] == f"kept as {folder / name}"
    assert (folder / name).read_bytes() == (tmp_path / "result.json").read_bytes()
    jsonschema.validate(run.result, schema())


def test_an_interrupted_run_is_kept_too(tmp_path: Path) -> None:
    process = start_load("-c", "2", "--rate", "50", "--duration", "60s", "--save", str(tmp_path))
    wait_for_line(process, "  1s ")
    kill(process, signal.SIGINT)
    assert end(process, None).code == 130
    (path,) = tmp_path.iterdir()
    assert orjson.loads(path.read_bytes())["outcome"] == "interrupted"


def test_no_result_is_written_over_another(tmp_path: Path) -> None:
    mapping = Result(Plan(name="a plan")).to_mapping()
    stem = file_stem(mapping)
    # As another run has it that is being kept at this moment.
    (tmp_path / f".{stem}-2.json.part").touch()
    paths = [save(mapping, tmp_path) for _ in range(3)]
    assert stem.endswith("Z-a-plan")
    assert [path.name for path in paths] == [f"{stem}.json", f"{stem}-3.json", f"{stem}-4.json"]
    assert files_in(tmp_path)[0] == f".{stem}-2.json.part"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    folder = tmp_path / "kept"
    run = load(tmp_path, "-c", "1", "--duration", "100ms", "--rate", "10", "--save", str(folder))
    assert run.code == 2
    assert run.err.strip() == f"fastphx: the result could not be kept in {folder} (No space left on device)"
    assert files_in(folder) == []


@pytest.mark.parametrize("where", ["file", "file/below", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_to_is_told_before_the_run(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, err = sentence("load", "-c", "1", "--save", str(tmp_path / where))
    assert code == 2
    assert err.startswith("fastphx: --save: no result can be kept in ")
    assert len(err.splitlines()) == 1


def test_a_run_is_called_as_its_plan_its_file_or_its_scenario(tmp_path: Path) -> None:
    plan = tmp_path / "night\nly.toml"
    plan.write_text("rate = 5\n")
    assert Plan.from_mapping(read_plan(str(plan))).run_name == "night\\nly"
    plan.write_text('name = "checkout"\n')
    assert Plan.from_mapping(read_plan(str(plan))).run_name == "checkout"
    assert Plan(scenario="scripts/shop.py").run_name == "shop"
    for name in ("a\nb", "x" * 101):
        with pytest.raises(PlanError, match="is no name"):
            Plan(name=name)


@pytest.mark.parametrize(
    ("name", "part"),
    [("../../etc/passwd", "etc-passwd"), ("größe 1", "gr-e-1"), ("…", "run"), ("x" * 300, "x" * 100)],
)
def test_a_name_is_no_path(name: str, part: str) -> None:
    assert file_stem({"started_at": "2026-11-26T18:19:54Z", "name": name}) == f"20261126T181954Z-{part}"


def written(tmp_path: Path, result: object) -> Path:
    path = tmp_path / "kept.json"
    path.write_bytes(orjson.dumps(result))
    return path


def test_a_result_of_before_has_what_came_later_empty(tmp_path: Path) -> None:
    mapping = Result(Plan()).to_mapping()
    old = {name: value for name, value in mapping.items() if name in schema()["required"]}
    assert read_json(written(tmp_path, old)) == {**old, "notes": [], "own_lag": {}, "pushed_events": {}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"series": [{"t": "one"}]}, "is damaged: series[0] must contain ['arrivals', "),
        ({"sentences": ["\x1b[2J", 1]}, "is damaged: sentences[1] must be string"),
        ({"totals": {"lost\x1b\n": -1}}, "is damaged: totals must contain ["),
        ({"plan": {}}, "is damaged: plan must contain ['scenario'] properties"),
        ({"outcome": ["ok"]}, "is damaged: outcome must be one of "),
        ({"schema": "fastphx.load/1"}, "is of fastphx.load/1: reports are made of fastphx.load/2"),
        ({"schema": "fastphx.load/3"}, "(fastphx.load/2): its schema is 'fastphx.load/3'"),
        ({"schema": ["fastphx.load/2"]}, "is not a result of `fastphx load --json` (fastphx.load/2)"),
    ],
)
def test_what_does_not_keep_to_the_schema_is_one_sentence(
    change: dict[str, object], why: str, tmp_path: Path
) -> None:
    path = written(tmp_path, {**Result(Plan()).to_mapping(), **change})
    with pytest.raises(ResultError) as raised:
        read_json(path)
    assert str(raised.value).startswith(repr(str(path)))
    assert why in str(raised.value)
    assert str(raised.value).isprintable()


def test_what_only_a_newer_one_times_is_one_sentence(tmp_path: Path) -> None:
    mapping = Result(Plan()).to_mapping()
    path = written(tmp_path, {**mapping, "latency": {**mapping["latency"], "\x1bnap": {"count": 0}}})
    with pytest.raises(ResultError) as raised:
        read_json(path)
    assert str(raised.value) == f"{str(path)!r} has a latency '\\x1bnap': a newer fastphx wrote it"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b"{" * 100_000, b'{"schema": 1e999}'])
def test_what_is_no_json_object_is_one_sentence(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(data)
    with pytest.raises(ResultError, match="is not"):
        read_json(path)
