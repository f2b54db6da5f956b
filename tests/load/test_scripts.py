"""Scenarios that are Python files: what they may do, and how what goes wrong in them is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.answering_server import Pushed, answering

from .processes import Run, check_identities, load


def run_script(tmp_path: Path, body: str, *arguments: str) -> Run:
    path = tmp_path / "own.py"
    path.write_text(f"class Scenario:\n{body}\n")
    return load(tmp_path, *arguments, "--scenario", str(path), "--duration", "600ms")


def test_a_push_to_a_topic_that_is_never_joined_fails_the_run(tmp_path: Path) -> None:
    body = """
    def on_joined(self, topic, response):
        self.every(0.1, self.beat)
    def beat(self):
        self.push("echo", {}, topic="rom:1")
"""
    run = run_script(tmp_path, body, "-c", "2", "--quiet")
    assert run.code == 5
    assert "beat raised ValueError: 'rom:1' is none of the topics that this socket joins" in run.err
    check_identities(run.totals)
    assert run.totals["unsent"] == run.totals["arrivals"] > 2


def test_a_push_while_the_topic_is_not_joined_counts_as_unsent(tmp_path: Path) -> None:
    body = """
    def on_joined(self, topic, response):
        if self.i == 0:
            self.cast("stop")
            self.every(0.05, lambda: self.push("echo", {}))
"""
    run = run_script(tmp_path, body, "-c", "2")
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["channel_closes"] == 1
    assert run.totals["unsent"] > 0


def test_a_script_that_closes_its_sockets_is_done(tmp_path: Path) -> None:
    body = """
    def on_joined(self, topic, response):
        self.push("echo", {})
    def on_reply(self, ref, status, response):
        self.close()
        assert self.every(0.01, self.never).cancel() is None
    def never(self):
        raise AssertionError
"""
    run = run_script(tmp_path, body, "-c", "3")
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["replies"] == run.totals["closed"] == run.totals["closed_by_script"] == 3
    assert run.totals["alive_at_end"] == run.totals["disconnects"] == 0
    assert "3 closed by the scenario" in run.out


def test_a_socket_that_is_closed_before_it_has_joined_all_is_not_waited_for(tmp_path: Path) -> None:
    body = """
    def setup(self):
        if self.i == 0:
            self.close()
    def on_joined(self, topic, response):
        if self.i == 1:
            self.close()
"""
    # The connections are waited for as long as connecting and joining may take, which is longer than a test.
    run = run_script(
        tmp_path, body, *("-c", "3", "--topic", "room:a", "--topic", "room:b", "--connect-timeout", "90s")
    )
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["connections"] == run.totals["closed_by_script"] == 2
    assert run.totals["alive_at_end"] == 1


def test_a_push_behind_the_close_is_told(tmp_path: Path) -> None:
    body = """
    def on_joined(self, topic, response):
        self.close()
        self.push("echo", {})
"""
    run = run_script(tmp_path, body, "-c", "1", "--quiet")
    assert run.code == 5
    assert (
        "on_joined raised DisconnectedError: nothing can be sent to 'room:0': the socket is closed" in run.err
    )
    check_identities(run.totals)


def test_messages_of_topics_that_were_not_joined(tmp_path: Path) -> None:
    """As Absinthe sends a subscription's data: on a topic that is its id, with null refs."""

    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        yield pushed.reply({"subscriptionId": "__absinthe__:doc:1"})
        if pushed.event == "doc":
            yield [
                None,
                None,
                "__absinthe__:doc:1",
                "subscription:data",
                {"result": {"data": pushed.payload}},
            ]
            yield [None, pushed.ref, "__absinthe__:doc:1", "phx_reply", {"response": {}, "status": "ok"}]

    body = """
    def on_joined(self, topic, response):
        self.push("doc", {"query": "subscription"})
    def on_message(self, topic, event, payload):
        assert (topic, event) == ("__absinthe__:doc:1", "subscription:data")
        assert payload == {"result": {"data": {"query": "subscription"}}}
        self.close()
"""
    with answering(answer) as url:
        run = run_script(tmp_path, body, url, "-c", "2", "--topic", "__absinthe__:control")
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["deliveries"] == run.totals["closed_by_script"] == 2
    assert run.totals["delivery_bytes"] > 0


def test_nobody_takes_them_where_the_script_has_no_on_message(tmp_path: Path) -> None:
    def answer(pushed: Pushed) -> Iterator[list[Any]]:
        yield pushed.reply()
        yield [None, None, "other", "event", {}]

    with answering(answer) as url:
        run = run_script(tmp_path, "    pass", url, "-c", "1")
    assert run.code == 0, run.err
    assert run.totals["deliveries"] == 0
    assert run.totals["unknown_topic"] > 0


@pytest.mark.parametrize("vsn", ["2.0.0", "1.0.0"])
def test_a_payload_of_none_is_null_and_one_that_is_not_given_is_empty(tmp_path: Path, vsn: str) -> None:
    body = """
    def on_joined(self, topic, response):
        self.sent = {self.push("echo"): {}, self.push("echo", None): None, self.push("echo", []): []}
        self.cast("push")
        self.cast("push", None)
        self.payloads = []
    def on_reply(self, ref, status, response):
        assert response == self.sent.pop(ref), (ref, response)
    def on_message(self, topic, event, payload):
        self.payloads.append(payload)
        if len(self.payloads) == 2:
            assert (self.payloads, self.sent) == ([{}, None], {})
            self.close()
"""
    run = run_script(tmp_path, body, "-c", "1", "--vsn", vsn)
    assert run.code == 0, run.err
    assert run.totals["closed_by_script"] == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    def __init__(self): raise KeyError('who')", "__init__ raised KeyError: 'who' (2 times)"),
        ("    def __init__(self, who): pass", "__init__ raised TypeError"),
        ("    def setup(self): raise SystemExit(3)", "setup raised SystemExit: 3 (2 times)"),
        ("    def on_joined(self, topic, response): exit()", "on_joined raised SystemExit"),
        ("    def setup(self): self.every(0.01, exit)", "every raised SystemExit"),
        (
            """
    def setup(self): self.every(0.01, self.beat)
    async def beat(self): pass""",
            "beat raised TypeError: it is async",
        ),
        ("    i = property(lambda self: 1)", "__init__ raised AttributeError"),
    ],
)
def test_no_script_ends_its_worker(tmp_path: Path, body: str, told: str) -> None:
    run = run_script(tmp_path, body, "-c", "2", "--quiet")
    assert run.code == 5
    assert f"the scenario's {told}" in run.err
    assert "worker" not in run.err


def test_a_file_that_exits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("import sys\nsys.exit(0)\n")
    run = load(tmp_path, "--scenario", str(path))
    assert run.code == 2
    assert "fails at line 2 (SystemExit: '0')" in run.err


def test_names_of_a_script_are_its_own(tmp_path: Path) -> None:
    body = """
    def __init__(self):
        self._timers = self._session = self._wheel = self._owner = None
        self.on_reply = lambda ref, status, response: self.close()
        self.every(0.05, lambda: self.push("echo"))
"""
    run = run_script(tmp_path, body, "-c", "2")
    assert run.code == 0, run.err
    assert run.totals["closed_by_script"] == 2


def test_no_hook_is_called_once_the_run_stops(tmp_path: Path) -> None:
    body = """
    def on_joined(self, topic, response): self.push("echo")
    def on_reply(self, ref, status, response): self.push("echo")
"""
    run = run_script(tmp_path, body, "-c", "2", "--graceful-stop", "50s")
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["lost"] == 0
    assert run.totals["replies"] == run.totals["pushes"] > 2


def test_a_payload_that_cannot_be_read_is_not_the_scripts_fault(tmp_path: Path) -> None:
    deep = "[" * 5000 + "]" * 5000

    def answer(pushed: Pushed) -> Iterator[list[Any] | str]:
        yield pushed.reply()
        yield f'[null,null,{json.dumps(pushed.topic)},"event",{deep}]'

    with answering(answer) as url:
        run = run_script(tmp_path, "    def on_message(self, topic, event, payload): 1 / 0", url, "-c", "2")
    assert run.code == 0, run.err
    assert run.totals["decode_errors"] >= 2
