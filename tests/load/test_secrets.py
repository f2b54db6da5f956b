"""Secrets: where a plan takes them from, and that none is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic_ns
from typing import Any

import pytest

from fastphx.client.push import PushReply
from fastphx.errors import JoinError, PushError
from fastphx.load.control.first_connection import first_connection
from fastphx.load.control.preflight import preflight
from fastphx.load.journeys.failure import reason_of
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.plan_file import read_plan
from fastphx.load.plan.secret import shown_payload
from fastphx.load.plan.share import Share
from fastphx.load.plan.target import Target
from fastphx.load.worker.runner import Runner
from fastphx.testing.demo import RoomChannel
from fastphx.testing.handshake import Handshake
from fastphx.testing.server import Server
from fastphx.transports.redaction import Redaction
from tests.answering_server import Pushed, answering
from tests.transports.raw_server import CLOSE, frame

from .processes import end, load, start_load

SECRET = "S3CRET-{i}"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a secret in a file, alone and in a column; and one in the environment."""
    monkeypatch.setenv("LOAD_TOKEN", SECRET)
    (tmp_path / "token").write_text(f"{SECRET}\n")
    (tmp_path / "users.csv").write_text("token\nfirst\nsecond\n")
    return tmp_path


@pytest.mark.parametrize("source", ["env:LOAD_TOKEN", "@{folder}/token"])
def test_a_value_is_taken_from_the_environment_or_a_file_as_it_is(secrets: Path, source: str) -> None:
    source = source.format(folder=secrets)
    plan = Plan.from_mapping(
        {"param": f"token={source}", "header": f"X-Token={source}", "auth_token": source}
    )
    preflight(plan)
    target = Target(plan)
    options = target.options(3)
    assert target.params(3) == [("token", SECRET)]
    assert options.extra_headers == (("X-Token", SECRET),)
    assert options.auth_token == SECRET
    assert SECRET not in json.dumps(plan.to_mapping())


def test_a_token_may_be_one_of_each_connection(secrets: Path) -> None:
    target = Target(Plan.from_mapping({"auth_token": f"@{secrets}/users.csv:token"}))
    assert [target.options(i).auth_token for i in range(3)] == ["first", "second", "first"]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"param": "token=env:NOT_THERE"}, "parameter token: the environment has no variable 'NOT_THERE'"),
        ({"header": "X=@/no/such"}, "the header X's file '/no/such' cannot be read"),
        ({"payload": "env:NOT_THERE"}, "the payload: the environment has no variable"),
        ({"auth_token": "plain"}, "shows in ps"),
        ({"join_payload": '{"token":"S3CRET'}, "the join payload, of 16 characters, is not JSON"),
    ],
)
def test_a_secret_that_cannot_be_had_is_one_sentence(mapping: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError) as raised:
        preflight(Plan.from_mapping(mapping))
    assert words in str(raised.value)
    assert "S3CRET" not in str(raised.value)


def test_the_server_gets_the_secrets_and_no_report_shows_them(secrets: Path) -> None:
    seen: list[tuple[str | None, str | None]] = []

    def connect(handshake: Handshake) -> dict[str, object]:
        seen.append((handshake.params.get("token"), handshake.auth_token))
        return {}

    reports = {name: secrets / f"r.{name}" for name in ("html", "junit", "markdown")}
    with Server({"room:*": RoomChannel}, connect=connect) as server:
        run = load(
            secrets,
            *(server.url.replace("ws://", "http://"), "-c", "2", "--rate", "20", "--duration", "300ms"),
            *("--param", "token=env:LOAD_TOKEN", "--auth-token", f"@{secrets}/token"),
            *("--join-payload", '{"access_token":"S3CRET"}', "--payload", '{"pin":"S3CRET"}'),
            *(part for name, path in reports.items() for part in (f"--{name}", str(path))),
        )
    assert run.code == 0, run.err
    assert seen == [(SECRET, SECRET)] * 2
    written = [run.out, run.err, json.dumps(run.result), *(path.read_text() for path in reports.values())]
    assert not [text for text in written if "S3CRET" in text]


def test_no_reason_shows_what_a_server_sends_back(secrets: Path) -> None:
    (secrets / "pins.csv").write_text("pin\nS3CRET-pin-0\nS3CRET-pin-1\n")

    def answer(pushed: Pushed) -> Iterator[list[Any] | bytes]:
        given = f"param S3CRET-0 {pushed.payload!r} {json.dumps(pushed.payload)}"
        if pushed.event != "phx_join":
            yield pushed.reply()
        elif pushed.topic == "room:0":
            yield pushed.reply({"reason": given}, "error")
        elif pushed.topic == "room:1":
            yield frame(CLOSE, (4000).to_bytes(2) + f"no, {pushed.payload['auth'][0]}".encode())
        else:
            yield pushed.reply({"echo": [pushed.payload, {"S3CRET-2": 8641975}]}, "error")

    reports = {name: secrets / f"r.{name}" for name in ("html", "junit", "markdown")}
    with answering(answer) as url:
        run = load(
            secrets,
            *(url, "-c", "3", "--rate", "20", "--duration", "300ms", "--data", f"{secrets}/pins.csv"),
            *("--param", "key=S3CRET-{i}", "--join-payload", '{"auth":["{row.pin}\\n\\u00e9"],"n":8641975}'),
            *(part for name, path in reports.items() for part in (f"--{name}", str(path))),
        )
    assert run.code == 5, run.err
    assert run.result is not None
    assert set(run.result["reasons"]) == {"join", "disconnect"}
    assert "[hidden]" in str(run.result["reasons"]["join"])
    assert list(run.result["reasons"]["disconnect"]) == [
        "the connection was closed with code 4000: no, [hidden]"
    ]
    written = [run.out, run.err, json.dumps(run.result), *(path.read_text() for path in reports.values())]
    assert not [text for text in written if "S3CRET" in text or "8641975" in text]


def test_a_failed_step_is_told_without_what_it_was_given() -> None:
    conceal, response = Redaction({"token": "S3CRET"}), {"reason": "S3CRET is over"}
    push = PushError("room:a", "new", PushReply("error", response, 1, 0.0), conceal)
    assert reason_of(push) == "status error: [hidden] is over"
    assert reason_of(JoinError("room:a", response, conceal)) == "refused: [hidden] is over"
    assert reason_of(JoinError("room:a", {"reason": {}}, conceal)) == "refused"


def test_a_dry_run_shows_what_connection_0_sends_and_no_secret(secrets: Path) -> None:
    run = end(
        start_load(
            *("--topic", "room:{i}", "--payload", '"item {0} of {1}, user {i}"', "--dry-run"),
            *("--join-payload", '{"user":{i},"auth":{"access_token":"S3CRET"}}'),
            *("--param", "token=env:LOAD_TOKEN", "--header", "Cookie=S3CRET"),
        ),
        None,
    )
    assert run.code == 0, run.err
    assert "S3CRET" not in run.out
    first = json.loads(run.out)["first_connection"]
    assert first["topics"] == ["room:0"]
    assert first["payload"] == '"item {0} of {1}, user 0"'
    assert json.loads(first["join_payload"]) == {"user": 0, "auth": {"access_token": "[6 characters]"}}
    assert first["params"] == [["token", f"[{len(SECRET)} characters]"]]
    assert first["headers"] == [["Cookie", "[6 characters]"]]
    shown = end(start_load("--join-payload", '{"token":"S3CRET"}', "--dry-run", "--show-secrets"), None)
    assert json.loads(json.loads(shown.out)["first_connection"]["join_payload"]) == {"token": "S3CRET"}


def test_a_payload_that_is_written_out_is_shown_but_for_what_is_named_as_a_secret() -> None:
    assert shown_payload("{}", '{"a": [1, {"b": 2}]}') == '{"a": [1, {"b": 2}]}'
    written = '[{"apiKey": 12345, "deep": {"Password": ["x", {"a": "yz"}]}, "n": null, "token": true}]'
    assert json.loads(shown_payload(written, written)) == [
        {
            "apiKey": "[5 characters]",
            "deep": {"Password": ["[1 characters]", {"a": "[2 characters]"}]},
            "n": None,
            "token": True,
        }
    ]


@pytest.mark.parametrize("source", ["env:PAYLOAD", "@payload.json"])
def test_of_one_that_was_read_the_names_and_lengths_are_shown(source: str) -> None:
    read = '{"pin": "S3CRET", "n": [1.5, {"deep": "S3CRET"}], "ok": null}'
    assert json.loads(shown_payload(source, read)) == {
        "pin": "[6 characters]",
        "n": ["[3 characters]", {"deep": "[6 characters]"}],
        "ok": None,
    }
    assert shown_payload(source, "S3CRET") == "[6 characters]"


def test_a_dry_run_shows_a_row_but_for_its_columns_with_the_name_of_a_secret(secrets: Path) -> None:
    (secrets / "users.csv").write_text('name,jwt\nann,"S3CRET ""1"""\n')
    plan = Plan.from_mapping(
        {
            "data": f"{secrets}/users.csv",
            "topic": "room:{row.name}:{row.jwt}",
            "payload": '{"by":"{row.name}","with":"{row.jwt}"}',
        }
    )
    first = first_connection(plan)
    assert first["topics"] == ["room:ann:[hidden]"]
    assert json.loads(first["payload"]) == {"by": "ann", "with": "[hidden]"}
    assert "S3CRET" in str(first_connection(replace(plan, show_secrets=True)))


def test_the_files_of_a_plan_are_found_beside_it(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "plan.toml").write_text(
        'data = "users.csv"\npayload = "@body.json"\nscenario = "own.py"\nauth-token = "@token"\n'
        'param = ["token=@users.csv:token", "a=b"]\nheader = { X = "@token" }\n'
    )
    (secrets / "body.json").write_text("{}")
    (secrets / "own.py").write_text("class Scenario:\n    pass\n")
    elsewhere = secrets / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    plan = Plan.from_mapping(read_plan("../plan.toml"))
    preflight(plan)
    assert Target(plan).params(1) == [("token", "second"), ("a", "b")]
    assert Target(plan).options(0).extra_headers == (("X", SECRET),)
    with pytest.raises(PlanError, match="cannot be read"):
        preflight(Plan.from_mapping({"data": "users.csv"}))


async def test_no_event_shows_what_a_server_sends_back() -> None:
    lines: list[dict[str, Any]] = []

    def answer(pushed: Pushed) -> list[list[Any]] | None:
        if pushed.event != "phx_join":
            return None
        token = pushed.payload["token"]
        names = (f"new {token}", f"new {token}", f"{'x' * 195}{token}", "new [hidden]")
        return [pushed.reply(), *([None, None, pushed.topic, name, {}] for name in names)]

    with answering(answer) as url:
        plan = {"url": url, "scenario": "listen", "connections": 1, "join_payload": '{"token":"S3CRET"}'}
        runner = Runner(Plan.from_mapping(plan), Share(), lines.append)
        runner.connect(monotonic_ns())
        async with asyncio.timeout(30):
            while runner.meter.counts["deliveries"] < 4:  # noqa: ASYNC110 - a meter tells nobody
                await asyncio.sleep(0.002)
        await runner.stop()
    *_, last = runner.last_lines()
    assert {name: count for name, (count, _) in last["events"].items()} == {
        "new [hidden]": 3,
        f"{'x' * 195}[hidd…": 1,
    }
    assert "S3CR" not in json.dumps([*lines, last])
