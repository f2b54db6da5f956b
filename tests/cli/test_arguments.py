"""A script, a plan and a URL stand in any order, and are told apart by what they are."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from fastphx.cli.arguments import plan_mapping
from fastphx.load.plan.error import PlanError
from tests.cli.command import sentence

URL = "ws://127.0.0.1:4000/socket"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plan and a script; the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text("class Scenario: pass\n")
    (tmp_path / "plan.toml").write_text('url = "ws://elsewhere/socket"\nscenario = "idle"\nconnections = 7\n')
    return tmp_path


@pytest.mark.usefixtures("files")
def test_each_is_known_in_any_order_and_goes_over_the_plan() -> None:
    for arguments in permutations(("./shop.py", "./plan.toml", URL)):
        found = plan_mapping(arguments, {"connections": 9})
        assert found == {"name": "plan", "scenario": "./shop.py", "url": URL, "connections": 9}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), {}),
        (
            ("plan.toml",),
            {"name": "plan", "url": "ws://elsewhere/socket", "scenario": "idle", "connections": 7},
        ),
        (("shop.py",), {"scenario": "shop.py"}),
        (("/no/such/shop.py",), {"scenario": "/no/such/shop.py"}),
        (("a:b/shop.py",), {"scenario": "a:b/shop.py"}),
        (("WSS://host/socket",), {"url": "WSS://host/socket"}),
        (("http://host/shop.py",), {"url": "http://host/shop.py"}),
        (("https://host/plan.toml",), {"url": "https://host/plan.toml"}),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_an_argument_is(arguments: tuple[str, ...], found: dict[str, object]) -> None:
    assert plan_mapping(arguments, {}) == found


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.py", "b.py"), "there are two scripts, 'a.py' and 'b.py': give one of them"),
        (("a.toml", "./b.toml"), "there are two plans, 'a.toml' and './b.toml': give one of them"),
        ((URL, URL, "a.py"), f"there are two URLs, {URL} and {URL}: give one of them"),
        (("ws://a/", "ws://b/?token=SECRET"), "there are two URLs, ws://a/ and ws://b/: give one of them"),
        (("localhost:4000",), "'localhost:4000' is a URL without its scheme: write ws://localhost:4000"),
        (("localhost:4000/socket?token=SECRET",), "without its scheme: write ws://localhost:4000/socket"),
        (("ann:SECRET@[::1]:4000/s",), "'[::1]:4000/s' is a URL without its scheme: write ws://[::1]:4000/s"),
        (("echo",), "echo is a scenario's name: write --scenario echo"),
        (("./shop",), "'./shop' is neither a script (FILE.py), nor a plan (FILE.toml), nor a URL"),
        (("users.csv",), "'users.csv' is neither"),
        (("ann:SECRET@host/socket?token=SECRET",), "'host/socket' is neither"),
        (("",), "'' is neither"),
        (("x\n\x1b[1m",), "is neither"),
        (("no.toml",), "the plan 'no.toml' cannot be read (No such file or directory)"),
    ],
)
def test_what_is_none_of_them_or_too_much_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(PlanError) as raised:
        plan_mapping(arguments, {})
    assert words in str(raised.value)
    assert str(raised.value).isprintable()
    assert "SECRET" not in str(raised.value)


@pytest.mark.usefixtures("files")
def test_the_command_takes_them_and_ends_in_a_sentence_where_it_cannot() -> None:
    code, out, _ = sentence("load", "--rate", "5", URL, "shop.py", "-c", "3", "plan.toml", "--dry-run")
    assert code == 0
    plan = json.loads(out)
    assert [plan[key] for key in ("url", "scenario", "connections", "rate")] == [URL, "shop.py", 3, 5]
    for arguments, words in (
        (("load", "no.py"), "the scenario 'no.py' cannot be read (No such file or directory)"),
        (("load", "shop.py", "--scenario", "echo"), "both 'shop.py' and --scenario 'echo' say what to run"),
        (("bench", "shop.py", "a.py", "--a", "x", "--b", "y"), "there are two scripts"),
        (("bench", "shop.py", "--a", "x", "--b", "y"), "needs a url"),
    ):
        code, _, err = sentence(*arguments)
        assert code == 2
        assert words in err
        assert len(err.strip().splitlines()) == 1
