"""Two results, and two servers, side by side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from fastphx.load.control.server_comparison import ratios
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import read_result
from tests.cli.command import COMMAND, TIMEOUT_S, sentence
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


def kept(folder: Path, base: Path, name: str, night: int, **changes: object) -> Path:
    """The result *base* as a run of *name* in some night, in which p99 is as many milliseconds."""
    folder.mkdir(exist_ok=True)
    result = orjson.loads(base.read_bytes())
    result["latency"]["rtt"]["p99"] = night / 1000
    path = folder / f"{night}-{name}.json"
    started_at = f"2026-11-{night:02}T02:00:00Z"
    path.write_bytes(orjson.dumps({**result, "name": name, "started_at": started_at, **changes}))
    return path


@pytest.fixture
def nights(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "nights"
    for night in (1, 2, 3):
        kept(folder, base, "shop", night)
        kept(folder, base, "chat", night, started_at=f"2026-10-0{night}T02:00:00Z")
    kept(folder, base, "shop", 4, outcome="invalid")
    return folder


def test_a_folder_is_its_newest_run_against_the_one_of_its_name_before_it(nights: Path) -> None:
    code, out, err = sentence("compare", str(nights))
    assert out.splitlines()[:2] == [f"base: {nights / '2-shop.json'}", f"new: {nights / '3-shop.json'}"]
    assert err.splitlines() == [
        "fastphx: passed over 1 of 7 runs, which were invalid or interrupted",
        "fastphx: rtt.p99 is worse by more than 5%",
    ]
    assert code == 99
    code, out, err = sentence("compare", str(nights), "--name", "chat", "--tolerance", "60%")
    assert out.splitlines()[:2] == [f"base: {nights / '2-chat.json'}", f"new: {nights / '3-chat.json'}"]
    assert (code, err) == (0, "")


def test_a_folder_beside_a_file_is_its_newest_run_of_that_name(
    nights: Path, base: Path, tmp_path: Path
) -> None:
    chat, shop = nights / "1-chat.json", nights / "3-shop.json"
    for arguments, chosen in (
        ((chat, nights), (chat, nights / "3-chat.json")),
        ((nights, shop), (nights / "2-shop.json", shop)),
        ((nights, nights), (nights / "2-shop.json", shop)),
        ((base, nights, "--name", "chat"), (base, nights / "3-chat.json")),
    ):
        _, out, _ = sentence("compare", *map(str, arguments))
        assert out.splitlines()[:2] == [f"base: {chosen[0]}", f"new: {chosen[1]}"]


def test_a_file_that_can_be_read_once_is_read_once(nights: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "compare", "/dev/stdin", str(nights), "--tolerance", "1000%"],
        input=(nights / "1-chat.json").read_bytes(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")


def test_a_folder_that_has_no_two_is_one_sentence(nights: Path, base: Path, tmp_path: Path) -> None:
    kept(tmp_path / "one", base, "a\x1b[2J", 1)
    one = tmp_path / "one" / "1-a\x1b[2J.json"
    for arguments, why in (
        ((tmp_path / "one",), " has one result of 'a\\x1b[2J', and none before it"),
        ((one, tmp_path / "one"), " has no other result than "),
        ((nights, "--name", "\x1b"), "there is no result of a run called '\\x1b' in "),
        ((one, nights), "there is no result of a run called 'a\\x1b[2J' in "),
        ((nights / "1-shop.json",), "give two results, or a folder of them"),
    ):
        code, _, err = sentence("compare", *map(str, arguments))
        assert (code, len(err.splitlines())) == (2, 1)
        assert why in err
        assert err[:-1].isprintable()


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
