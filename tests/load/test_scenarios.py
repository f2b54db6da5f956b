"""Each scenario, run for real and briefly; the sums hold in all of them."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
import trustme

from fastphx.operating_system import IS_POSIX
from fastphx.protocol.message import Message
from fastphx.testing.channel import ServerChannel
from fastphx.testing.demo import demo_server
from fastphx.testing.server import Server

from .processes import Run, check_identities, end, is_alive, load, load_process, start_load, wait_for_line


def ok(tmp_path: Path, *arguments: str) -> Run:
    run = load(tmp_path, *arguments)
    assert run.code == 0, run.err
    check_identities(run.totals, opens="churn" in arguments)
    return run


def test_fanout_receives_what_is_expected_over_topics_publishers_and_workers(tmp_path: Path) -> None:
    run = ok(
        tmp_path,
        *("--scenario", "fanout", "-c", "23", "--publishers", "3", "--topics", "5", "--rate", "100"),
        *("--duration", "1s", "--workers", "2"),
    )
    assert run.result is not None
    assert run.totals["casts"] == 100
    # 20 subscribers over 5 topics: each publish reaches 4.
    assert run.totals["expected_deliveries"] == run.totals["deliveries"] == 400
    assert run.totals["missing_deliveries"] == run.totals["surplus_deliveries"] == 0
    assert run.result["latency"]["delivery"]["count"] == 400
    assert 0 < run.result["latency"]["delivery"]["min"] < 1
    assert {topic: row["subscribers"] for topic, row in run.result["topics"].items()} == {
        f"fan:{number}": 4 for number in range(5)
    }
    assert all(row["received"] == row["expected"] for row in run.result["topics"].values())
    # The server delivers to the publishers too, which have joined; they are no subscribers.
    assert run.totals["own_deliveries"] > 0


def test_a_run_does_not_go_through_the_environments_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    ok(tmp_path, "-c", "1", "--rate", "20", "--duration", "200ms")


class Spoiling(ServerChannel):
    """Broadcasts what comes in four times: as it is, without a stamp, and with one of no time that was."""

    def handle_in(self, event: str, message: Message) -> None:
        host, _, digits = message.payload["fastphx"].partition(":")
        for stamp in (f"{host}:{digits}", None, f"{host}:{'x' * len(digits)}", f"{host}:{'9' * len(digits)}"):
            self.broadcast(event, {} if stamp is None else {"fastphx": stamp})


def test_fanout_counts_messages_whose_stamp_says_no_time_that_was(tmp_path: Path) -> None:
    with Server({"fan:*": Spoiling}) as server:
        run = ok(
            tmp_path,
            *(server.url, "--scenario", "fanout", "-c", "5", "--rate", "20", "--duration", "1s"),
            *("--topic", "fan:a"),
        )
    assert run.result is not None
    assert run.totals["deliveries"] == run.result["latency"]["delivery"]["count"] == 20 * 4
    assert run.totals["unstamped"] == 3 * 20 * 4
    assert run.result["latency"]["delivery"]["min"] > 0


def test_idle_holds_its_sockets_and_answers_heartbeats(tmp_path: Path) -> None:
    run = ok(tmp_path, "--scenario", "idle", "-c", "50", "--duration", "1500ms", "--heartbeat", "1s")
    assert run.totals["alive_at_end"] == run.totals["joins"] == 50
    assert run.totals["disconnects"] == run.totals["arrivals"] == 0
    assert run.totals["heartbeats_answered"] >= 50
    assert run.totals["heartbeat_timeouts"] == 0


def test_churn_opens_and_closes_at_its_rate(tmp_path: Path) -> None:
    run = ok(
        tmp_path,
        *("--scenario", "churn", "--rate", "100", "--stay", "200ms", "--duration", "1s", "--workers", "2"),
    )
    assert run.totals["arrivals"] == 100
    assert run.totals["connections"] == run.totals["joins"] == run.totals["closed"] == 100
    assert run.result is not None
    assert run.result["latency"]["connect"]["count"] == run.result["latency"]["join"]["count"] == 100


def test_churn_does_not_open_more_than_its_connections(tmp_path: Path) -> None:
    run = load(
        tmp_path, "--scenario", "churn", "--rate", "50", "-c", "10", "--stay", "30s", "--duration", "1s"
    )
    totals = run.totals
    assert totals["connections"] == 10
    assert totals["unsent"] == 40
    assert totals["arrivals"] == 50


def test_listen_counts_by_event(tmp_path: Path) -> None:
    json_path = tmp_path / "listen.json"
    with demo_server(port=0) as server:
        listener = start_load(
            *(server.url, "--scenario", "listen", "--topic", "fan:a", "-c", "3", "--duration", "2s"),
            *("--json", str(json_path)),
        )
        wait_for_line(listener, "3 joined")
        for _ in range(20):
            server.broadcast("fan:a", "msg", {"body": "hello"})
        server.broadcast("fan:a", "other", {})
        run = end(listener, json_path)
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.result is not None
    assert run.result["events"] == {
        "msg": {"count": 60, "bytes": 60 * len('{"body":"hello"}')},
        "other": {"count": 3, "bytes": 3 * len("{}")},
    }
    assert run.totals["deliveries"] == 63
    assert run.totals["delivery_bytes"] == 60 * 16 + 3 * 2
    assert "msg" in run.out


def test_storm_times_how_the_connections_return(tmp_path: Path) -> None:
    run = ok(
        tmp_path,
        *("--scenario", "storm", "--storm", "roll", "-c", "30", "--duration", "4s", "--storm-at", "500ms"),
        *("--max-backoff", "200ms"),
    )
    assert run.result is not None
    storm = run.result["storm"]
    assert storm["rejoined"] == run.totals["disconnects"] == run.totals["alive_at_end"] == 30
    assert 0 < storm["rejoined_50_s"] <= storm["rejoined_99_s"] <= storm["rejoined_100_s"] < 4
    assert storm["attempts"] >= 30
    assert storm["peak_attempts_per_s"] >= 10
    assert "100 % rejoined after" in run.out


def test_a_killed_embedded_server_comes_back_on_its_port(tmp_path: Path) -> None:
    run = ok(
        tmp_path,
        *("--scenario", "storm", "-c", "10", "--duration", "5s", "--storm-at", "300ms"),
        *("--storm-down", "200ms", "--max-backoff", "200ms"),
    )
    assert run.result is not None
    assert run.totals["disconnects"] == 10
    assert run.result["storm"]["rejoined"] == run.totals["alive_at_end"] == 10
    assert run.totals["connect_errors"] > 0


@pytest.mark.skipif(not IS_POSIX, reason="without groups of processes, the command is ended alone")
def test_a_storm_command_does_not_outlive_the_run(tmp_path: Path) -> None:
    # Its shell has a child, which is to end too.
    pid_file = tmp_path / "pid"
    with demo_server(port=0) as server:
        ok(
            tmp_path,
            *(server.url, "--scenario", "storm", "-c", "2", "--duration", "2s", "--storm-at", "0s"),
            *("--storm-command", f"sleep 600 & echo $! > {pid_file}; wait"),
        )
    assert not is_alive(int(pid_file.read_text()))


def test_a_storm_command_that_fails_fails_the_run(tmp_path: Path) -> None:
    with demo_server(port=0) as server:
        run = load(
            tmp_path,
            *(server.url, "--scenario", "storm", "-c", "2", "--duration", "60s", "--storm-at", "0s"),
            *("--storm-command", "exit 7", "--quiet"),
        )
    assert run.code == 5
    assert run.err.strip() == "fastphx: the storm command left with code 7"


def test_a_python_file_is_a_scenario(tmp_path: Path) -> None:
    script = tmp_path / "chat.py"
    script.write_text(
        """
class Scenario:
    def setup(self):
        self.answers = 0
        self.sent = {}
    def on_joined(self, topic, response):
        assert response["joined"] == {"who": self.row["name"]}, response
        assert self.random.random() == __import__("random").Random(f"7/{self.i}").random()
        self.again()
    def on_reply(self, ref, status, response):
        assert (status, response) == ("ok", {"n": self.sent.pop(ref)})
        self.cast("push", {"hello": self.row["name"]})
    def on_message(self, topic, event, payload):
        assert (event, payload) == ("pushed", {"hello": self.row["name"]})
        if not self.answers:
            self.every(0.05, self.again)
        self.answers += 1
    def again(self):
        n = len(self.sent)
        self.sent[self.push("echo", {"n": n})] = n
"""
    )
    data = tmp_path / "users.csv"
    data.write_text("name\nann\nbob\n")
    run = ok(
        tmp_path,
        *("--scenario", str(script), "-c", "4"),
        *("--duration", "1s", "--data", str(data), "--seed", "7", "--join-payload", '{"who":"{row.name}"}'),
    )
    assert run.totals["replies"] == run.totals["pushes"] > 8
    # What a cast brings back at the very end is not waited for.
    assert run.totals["casts"] >= run.totals["deliveries"] > 4


def test_a_scenario_that_raises_fails_the_run_in_one_sentence(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("class Scenario:\n    def on_joined(self, topic, response):\n        {}['who']\n")
    run = load(tmp_path, "--scenario", str(script), "-c", "3", "--duration", "500ms", "--quiet")
    assert run.code == 5
    assert run.err.strip() == "fastphx: the scenario's on_joined raised KeyError: 'who' (3 times)"


def test_think_time_paces_by_the_replies(tmp_path: Path) -> None:
    run = ok(tmp_path, "-c", "10", "--think-time", "100ms", "--duration", "1s")
    assert run.totals["pushes"] == run.totals["replies"]
    # 10 sockets, a push each 100 ms and a round trip: at most 10 or 11 each.
    assert 20 <= run.totals["pushes"] <= 110


def test_payload_topic_parameters_and_headers_take_placeholders_and_rows(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("token,nick\ngood,ann\nbad,bob\n")
    payload = tmp_path / "payload.json"
    payload.write_text('{"n":{n},"user":"{row.nick}","deep":{"i":{i}}}')
    run = load(
        tmp_path,
        *("-c", "4", "--param", f"token=@{tokens}:token", "--data", str(tokens), "--topic", "room:{i % 2}"),
        *("--topic", "room:b", "--payload", f"@{payload}", "--rate", "100", "--duration", "1s"),
    )
    # Every second connection's token is refused with a 403.
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["connections"] == 2
    assert run.totals["joins"] == 4
    assert run.totals["connect_errors"] >= 2
    assert run.totals["pushes"] == run.totals["replies"] == 100
    assert run.result is not None
    assert any("403" in reason for reason in run.result["reasons"]["connect"])
    assert "good" not in json.dumps(run.result)


def test_binary_payloads_and_vsn_1(tmp_path: Path) -> None:
    data = tmp_path / "blob"
    data.write_bytes(bytes(range(256)))
    run = ok(tmp_path, "-c", "3", "--binary", "--payload", f"@{data}", "--rate", "100", "--duration", "500ms")
    assert run.totals["replies"] == 50
    run = ok(tmp_path, "-c", "3", "--vsn", "1.0.0", "--rate", "100", "--duration", "500ms")
    assert run.totals["replies"] == 50


def test_a_plan_file_is_read_and_flags_override_it(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'connections = 5\nrate = "100/s"\nduration = "1s"\npayload = {a = [1, 2]}\nconnect-rate = 50\n'
    )
    run = load(tmp_path, str(plan), "--duration", "500ms", "--show-secrets")
    assert run.code == 0, run.err
    assert run.totals["replies"] == 50
    assert run.result is not None
    assert run.result["plan"]["payload"] == '{"a":[1,2]}'


def test_dry_run_prints_the_resolved_plan(tmp_path: Path) -> None:
    run = load(tmp_path, "--scenario", "fanout", "--param", "token=SECRET", "--dry-run")
    assert run.code == 0
    plan = json.loads(run.out)
    assert plan["event"] == "msg"
    assert plan["param"] == [["token", "[6 characters]"]]
    assert "SECRET" not in run.out


def test_connections_are_spread_over_source_addresses(tmp_path: Path) -> None:
    run = ok(tmp_path, "-c", "8", "--source", "127.0.0.1-127.0.0.4", "--rate", "80", "--duration", "500ms")
    assert run.totals["connections"] == 8
    refused = load(tmp_path, "-c", "2", "--source", "192.0.2.1", "--quiet")
    assert refused.code == 3
    assert "192.0.2.1 is not an address of this machine" in refused.err


def test_tls_with_a_client_certificate_and_compression(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("load@example.org").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "client.pem")
    )
    with demo_server(port=0, ssl=context, compress=True) as server:
        run = ok(
            tmp_path,
            *(server.url, "--ca", str(tmp_path / "ca.pem"), "--cert", str(tmp_path / "client.pem")),
            *("--compress", "-c", "3", "--rate", "100", "--duration", "500ms"),
        )
        assert run.totals["replies"] == 50
        refused = load(tmp_path, server.url, "-c", "1", "--quiet")
    assert refused.code == 3
    assert "certificate" in refused.err


def test_a_script_is_a_module_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("WORD = 'from beside'\n")
    (tmp_path / "random.py").write_text("raise RuntimeError('not the library')\n")
    script = tmp_path / "journey.py"
    script.write_text(
        "import random, sys\n"
        "from dataclasses import dataclass\n"
        "from neighbour import WORD\n"
        "@dataclass\n"
        "class Said:\n"
        "    word: str\n"
        "class Scenario:\n"
        "    def on_joined(self, topic, response):\n"
        "        random.random()\n"
        "        print(Said(WORD), 'on socket', self.i, '\\x1b[31m')\n"
        "        sys.stderr.write('to stderr, without an end')\n"
        "        self.push('echo', {'n': self.i})\n"
    )
    run = load_process(tmp_path, "--scenario", str(script), "-c", "2", "--duration", "300ms")
    assert run.code == 0
    assert "the random.py beside it" in run.err
    assert run.result is not None
    assert run.result["totals"]["replies"] == 2
    for number in range(2):
        assert f"worker 0: Said(word='from beside') on socket {number} \\x1b[31m" in run.out.replace(
            "to stderr, without an end", ""
        )
    assert "to stderr, without an end" in run.out


def test_what_a_script_prints_is_bounded(tmp_path: Path) -> None:
    script = tmp_path / "loud.py"
    script.write_text(
        "class Scenario:\n"
        "    def on_joined(self, topic, response):\n"
        "        for number in range(3000):\n"
        "            print('line', number)\n"
        "        print('x' * 1_000_000)\n"
    )
    run = load(tmp_path, "--scenario", str(script), "-c", "1", "--duration", "300ms")
    assert run.code == 0
    assert run.out.count("worker 0: line ") == 1000
    assert "more than 1000 lines: the rest is not shown" in run.out
    assert len(run.out) < 100_000
