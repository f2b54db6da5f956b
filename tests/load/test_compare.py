"""Two results, and two servers, side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import pytest

from fastphx.load.control.server_comparison import ratios
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import read_result
from tests.cli.command import sentence
from tests.cli.test_warnings import STRICT, told
from tests.free_port import free_port

from .processes import end, load, start


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    assert load(folder, "-c", "3", "--rate", "100", "--duration", "500ms").code == 0
    return folder / "result.json"


def changed(base: Path, tmp_path: Path, section: str, name: str, factor: float) -> Path:
    result = orjson.loads(base.read_bytes())
    target = result["latency"][section] if section in result["latency"] else result[section]
    target[name] = target[name] * factor if target[name] else factor
    path = tmp_path / "new.json"
    path.write_bytes(orjson.dumps(result))
    return path


def test_the_same_result_is_not_worse(base: Path) -> None:
    # As a process, as a user starts it; the others in this one.
    run = end(start("compare", str(base), str(base)), None)
    assert run.code == 0, run.err
    assert "rtt.p99" in run.out
    assert "throughput.replies_per_s" in run.out


@pytest.mark.parametrize(
    ("section", "name", "factor", "figure"),
    [
        ("rtt", "p99", 1.2, "rtt.p99"),
        ("throughput", "replies_per_s", 0.5, "throughput.replies_per_s"),
        ("totals", "lost", 3, "lost"),
    ],
)
def test_a_worse_figure_is_exit_99_and_a_line(
    base: Path, tmp_path: Path, section: str, name: str, factor: float, figure: str
) -> None:
    new = changed(base, tmp_path, section, name, factor)
    code, _, err = sentence("compare", str(base), str(new), "--tolerance", "10%")
    assert code == 99
    assert err.strip() == f"fastphx: {figure} is worse by more than 10%"


def test_within_the_tolerance_is_not_worse(base: Path, tmp_path: Path) -> None:
    new = changed(base, tmp_path, "rtt", "p99", 1.2)
    code, _, err = sentence("compare", str(base), str(new), "--tolerance", "25%")
    assert code == 0, err


def test_what_is_no_result_is_exit_2(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("{}")
    damaged = tmp_path / "damaged.json"
    damaged.write_text('{"schema":"fastphx.load/1","totals":[],"latency":3}')
    for arguments in (
        (str(base), str(other)),
        (str(base), str(damaged)),
        (str(base), "nothing.json"),
        (str(base), str(base), "--tolerance", "x"),
    ):
        code, _, err = sentence("compare", *arguments)
        assert code == 2
        assert len(err.strip().splitlines()) == 1


def test_a_result_without_an_end_is_one_sentence() -> None:
    with pytest.raises(ResultError, match="has more than"):
        read_result(Path("/dev/zero"))


def test_ratios_say_worse_only_where_the_interval_does() -> None:
    def run(p99: float, cpu_s: float) -> dict[str, object]:
        return {
            "totals": {},
            "latency": {"rtt": {"p99": p99}},
            "client": {},
            "throughput": {},
            "server": {"cpu_s": cpu_s, "rss_bytes": 1.0},
        }

    a = [run(p99, 1.0) for p99 in (1.0, 1.1, 0.9, 1.0)]
    noisy = [run(p99, 1.2) for p99 in (0.5, 2.5, 0.7, 2.0)]
    found = {each.figure: each for each in ratios(a, noisy, 0.0)}
    assert found["rtt.p99"].ratio > 1
    assert not found["rtt.p99"].is_worse
    assert found["server.cpu_s"].is_worse
    assert found["server.cpu_s"].low == pytest.approx(1.2)
    assert not {each.figure: each for each in ratios(a, noisy, 0.25)}["server.cpu_s"].is_worse


def test_what_only_b_loses_is_worse_where_every_round_says_so() -> None:
    def run(lost: int, errors: int) -> dict[str, object]:
        return {"totals": {"lost": lost, "error_replies": errors}, "server": {"cpu_s": 1.0, "rss_bytes": 1.0}}

    a = [run(0, 0), run(0, 0), run(0, 0)]
    b = [run(90, 0), run(110, 1), run(100, 0)]
    found = {each.figure: each for each in ratios(a, b, 0.05)}
    assert found["lost"].is_worse
    assert not found["error_replies"].is_worse
    assert "join_errors" not in found
    # Two rounds that differ much: an interval without bounds, and no overflow.
    wide = ratios([run(0, 0), run(10**9, 0)], [run(10**9, 0), run(0, 0)], 0.0)
    assert not any(each.is_worse for each in wide)


def test_two_servers_are_run_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the runs nor the servers leave anything open or warn of anything."""
    for name, value in STRICT.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'url = "ws://127.0.0.1:{port}/socket"\nconnections = 3\nrate = 200\n'
        'duration = "500ms"\nworkers = 1\nmax-schedule-lag = "30s"\nmax-loop-lag = "30s"\n'
    )
    command = f"exec {sys.executable} -m fastphx serve --port {port}"
    json_path = tmp_path / "ratios.json"
    run = end(
        start(
            *("bench", str(plan), "--a", command, "--b", command, "--repeat", "2", "--tolerance", "10000%"),
            *("--json", str(json_path)),
        ),
        None,
    )
    assert run.code == 0, run.err
    assert told(run.err).splitlines() == [
        "round 1 of 2: A",
        "round 1 of 2: B",
        "round 2 of 2: B",
        "round 2 of 2: A",
    ]
    rows = {row["figure"]: row for row in orjson.loads(json_path.read_bytes())}
    assert rows.keys() >= {"rtt.p99", "throughput.replies_per_s", "server.rss_bytes"}
    assert (
        rows["server.rss_bytes"]["low"]
        <= rows["server.rss_bytes"]["ratio"]
        <= rows["server.rss_bytes"]["high"]
    )


def test_a_server_that_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text('url = "ws://127.0.0.1:1/socket"\n')
    run = end(start("bench", str(plan), "--a", "exit 3", "--b", "exit 3"), None)
    assert run.code == 2
    assert "left with code 3 before it listened" in run.err
