"""What makes the figures trustworthy: stalls show, a slow client is told, and sums hold under every fault."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from fastphx.load.plan.plan import Plan
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.result import Result
from fastphx.protocol.frame_write import encode, encode_reply
from fastphx.protocol.message import Message
from fastphx.testing.channel import ServerChannel
from fastphx.testing.demo import demo_server
from fastphx.testing.responses import ServerReply
from fastphx.testing.server import Server
from tests.transports.raw_server import TEXT, Peer, RawServer, frame

from .processes import Run, check_identities, children_of, command_of, end, start, start_load, wait_for_line


@pytest.fixture
def server() -> Iterator[Server]:
    with demo_server(port=0) as running:
        yield running


def run_with(server: Server, tmp_path: Path, disturb: Callable[[], object], *arguments: str) -> Run:
    """A run of ``fastphx load`` that is disturbed after its first second."""
    json_path = tmp_path / "result.json"
    run = start_load(server.url, *arguments, "--json", str(json_path))
    wait_for_line(run, "  1s ")
    disturb()
    return end(run, json_path)


def test_a_stalled_server_shows_in_the_corrected_latency_and_not_in_the_uncorrected(
    server: Server, tmp_path: Path
) -> None:
    stall_s = 0.5
    run = run_with(
        server,
        tmp_path,
        lambda: server.stall(stall_s),
        # Few sockets, so that few pushes are on their way when this machine stalls by itself.
        *("-c", "2", "--rate", "500", "--in-flight", "1", "--duration", "5s"),
    )
    assert run.code == 0, run.err
    assert run.result is not None
    latency = run.result["latency"]
    assert latency["rtt"]["p99"] >= 0.8 * stall_s
    assert latency["rtt_uncorrected"]["p99"] <= 0.2 * stall_s
    assert latency["rtt"]["count"] == run.totals["replies"] == 2500


def test_a_stalled_client_is_marked_invalid_and_exits_4(server: Server, tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    run = start(
        *("load", server.url, "-c", "5", "--rate", "200", "--duration", "3s", "--workers", "1"),
        *("--json", str(json_path)),
    )
    wait_for_line(run, "  1s ")
    (worker,) = [pid for pid in children_of(run.pid) if "fastphx.load.worker" in command_of(pid)]
    os.kill(worker, signal.SIGSTOP)
    # The pause is what is tested; nothing is waited for.
    threading.Event().wait(1.0)
    os.kill(worker, signal.SIGCONT)
    ended = end(run, json_path)
    assert ended.code == 4
    assert ended.result is not None
    assert ended.result["outcome"] == "invalid"
    assert "INVALID: " in ended.err
    assert "did not run for" in ended.err
    check_identities(ended.totals)
    # An open model: what was due during the pause was sent late, and timed from when it was due.
    assert ended.totals["pushes"] == 600
    assert ended.result["latency"]["rtt"]["max"] >= 0.9


def test_warm_up_is_counted_and_not_timed(server: Server, tmp_path: Path) -> None:
    run = run_with(
        server, tmp_path, lambda: None, "-c", "5", "--rate", "100", "--duration", "2s", "--warm-up", "1s"
    )
    assert run.result is not None
    assert run.totals["replies"] == 200
    assert run.result["latency"]["rtt"]["count"] == 100


class Chatty(ServerChannel):
    """Answers each push twice, and once where nobody asked."""

    def handle_in(self, event: str, message: Message) -> ServerReply:
        self.reply(message, ServerReply("ok"))
        self.push("phx_reply", {"status": "ok", "response": {}})
        return ServerReply("ok")


def test_duplicate_and_unexpected_replies_have_buckets_of_their_own(tmp_path: Path) -> None:
    with Server({"room:*": Chatty}) as chatty:
        run = run_with(chatty, tmp_path, lambda: None, "-c", "2", "--rate", "50", "--duration", "1s")
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.totals["duplicates"] == run.totals["unexpected"] == run.totals["replies"] == 50


async def test_pushes_that_cross_the_end_of_their_channel_are_answered_late(tmp_path: Path) -> None:
    crossing: list[str] = []

    async def crash_once(peer: Peer) -> None:
        await peer.accept()
        joins = 0
        while True:
            opcode, data = await peer.frame()
            if opcode != TEXT:
                return
            join_ref, ref, topic, event, _ = orjson.loads(data)
            joins += event == "phx_join"
            if joins == 1 and event == "echo":
                if not crossing:
                    peer.send(frame(TEXT, encode(join_ref, join_ref, topic, "phx_error", b"{}")))
                crossing.append(ref)
                continue
            peer.send(frame(TEXT, encode_reply(join_ref, ref, topic, "ok", b"{}")))
            if event == "phx_join":
                for lost in crossing:
                    answer = encode_reply(None, lost, topic, "error", b'{"reason":"unmatched topic"}')
                    peer.send(frame(TEXT, answer))
            elif event == "phx_leave":
                peer.send(frame(TEXT, encode(join_ref, join_ref, topic, "phx_close", b"{}")))

    json_path = tmp_path / "result.json"
    async with RawServer(crash_once) as server:
        url = server.url.removesuffix("/websocket")
        run = start_load(
            *(url, "-c", "1", "--rate", "5000", "--duration", "2s", "--json", str(json_path)),
        )
        ended = await asyncio.to_thread(end, run, json_path)
    check_identities(ended.totals)
    assert ended.totals["channel_errors"] == 1
    assert ended.totals["late"] == ended.totals["lost"] == ended.totals["lost_errored"] == len(crossing) >= 5
    assert ended.totals["duplicates"] == ended.totals["unexpected"] == 0


def test_sockets_that_cannot_join_all_topics_are_told_from_a_lost_server(tmp_path: Path) -> None:
    topics = ("--topic", "room:a", "--topic", "room:b")
    with demo_server(port=0, max_channels_per_transport=1) as server:
        run = run_with(server, tmp_path, lambda: None, *topics, "-c", "2", "--duration", "1s")
    assert run.code == 5
    assert "joined to all its topics at the end (refused: 'too many channels joined')" in run.err
    check_identities(run.totals)
    assert run.totals["unsent"] == run.totals["arrivals"] > 0
    with demo_server(port=0) as server:
        run = run_with(server, tmp_path, lambda: None, "-c", "2", "--event", "stop", "--duration", "1s")
    assert run.code == 5
    assert "at the end (closed by the server)" in run.err
    check_identities(run.totals)
    # Each socket's channel stops at its first push, and loses what else was on its way.
    assert run.totals["channel_closes"] == 2
    assert run.totals["lost"] == run.totals["lost_closed"] >= 2


def test_thousands_of_late_replies_are_late_and_not_duplicates(server: Server, tmp_path: Path) -> None:
    server.faults.reply_delay_s = 1.5
    json_path = tmp_path / "result.json"
    run = start_load(
        *(server.url, "-c", "1", "--rate", "6000", "--duration", "4s", "--timeout", "500ms"),
        *("--json", str(json_path)),
    )
    ended = end(run, json_path)
    check_identities(ended.totals)
    # Up to 6,000 pushes have timed out and wait for their replies at the same time.
    assert ended.totals["late"] > 500, ended
    assert ended.totals["duplicates"] == ended.totals["unexpected"] == 0


def refuse_connects(server: Server) -> None:
    server.faults.refuse_connects = 403
    server.cut()


def refuse_joins(server: Server) -> None:
    server.faults.refuse_joins = {"reason": "unauthorized"}
    server.cut()


def drop_replies(server: Server) -> None:
    server.faults.drop_replies = 20


def truncate_frames(server: Server) -> None:
    server.faults.truncate_frames = 5


def delay_replies(server: Server) -> None:
    server.faults.reply_delay_s = 0.3


FAULTS: dict[str, tuple[Callable[[Server], object], tuple[str, ...]]] = {
    "stall": (lambda server: server.stall(0.4), ()),
    "cut": (lambda server: server.cut(), ("disconnects", "connections")),
    "crash": (lambda server: server.crash_channels(), ("channel_errors",)),
    "disconnect": (lambda server: server.disconnect(), ("disconnects",)),
    "drain": (lambda server: server.drain(), ("disconnects", "connect_errors", "unsent")),
    "403": (refuse_connects, ("disconnects", "connect_errors", "unsent")),
    "refused joins": (refuse_joins, ("disconnects", "join_errors", "unsent")),
    "dropped replies": (drop_replies, ("lost_timeout",)),
    "truncated frames": (truncate_frames, ("decode_errors", "lost_timeout")),
    "delayed replies": (delay_replies, ("lost_timeout", "late")),
}


FANOUT = ("--scenario", "fanout", "-c", "8", "--publishers", "2", "--topics", "2", "--rate", "50")
CHURN = ("--scenario", "churn", "-c", "100", "--rate", "30", "--stay", "300ms")
IDLE = ("--scenario", "idle", "-c", "8", "--heartbeat", "200ms")
ECHO = ("-c", "6", "--rate", "300", "--timeout", "200ms", "--graceful-stop", "500ms")
CASES = {
    **{f"echo, {fault}": (ECHO, fault) for fault in FAULTS},
    "fanout, cut": (FANOUT, "cut"),
    "fanout, crash": (FANOUT, "crash"),
    "churn, 403": (CHURN, "403"),
    "churn, refused joins": (CHURN, "refused joins"),
    "idle, stall": (IDLE, "stall"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Every case, each with a server of its own, side by side: they mostly wait."""

    def run_case(case: str) -> Run:
        arguments, fault = CASES[case]
        with demo_server(port=0) as running:
            return run_with(
                running,
                tmp_path_factory.mktemp("run"),
                lambda: FAULTS[fault][0](running),
                *arguments,
                *("--duration", "2s", "--workers", "1"),
            )

    with ThreadPoolExecutor(max_workers=len(CASES)) as pool:
        return dict(zip(CASES, pool.map(run_case, CASES), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_sums_hold_under_every_fault_in_every_scenario(runs: dict[str, Run], case: str) -> None:
    arguments, fault = CASES[case]
    run = runs[case]
    assert run.code in (0, 5), run.err
    totals = run.totals
    check_identities(totals, opens=arguments is CHURN)
    assert totals["unexpected"] == totals["duplicates"] == 0
    for name in FAULTS[fault][1] if arguments is ECHO else ():
        assert totals[name] > 0, name
    expected = totals["expected_deliveries"] - totals["missing_deliveries"] + totals["surplus_deliveries"]
    assert expected == (totals["deliveries"] if arguments is FANOUT else 0)
    assert (expected > 0) == (arguments is FANOUT)


def test_a_client_that_wakes_after_the_schedules_end_is_invalid_too(server: Server, tmp_path: Path) -> None:
    json_path = tmp_path / "result.json"
    run = start(
        *("load", server.url, "--scenario", "idle", "-c", "2", "--duration", "2s", "--workers", "1"),
        *("--json", str(json_path)),
    )
    wait_for_line(run, "  1s ")
    (worker,) = [pid for pid in children_of(run.pid) if "fastphx.load.worker" in command_of(pid)]
    os.kill(worker, signal.SIGSTOP)
    threading.Event().wait(2.0)
    os.kill(worker, signal.SIGCONT)
    ended = end(run, json_path)
    assert ended.code == 4
    assert "did not run for" in ended.err


def test_how_much_a_client_may_lag_is_the_users_choice() -> None:
    lagging = Result(Plan(), run_cpu_share=0.97, run_loop_lag_s=0.7)
    lagging.counts["connections"] = 1
    lagging.histograms["schedule_lag"] = Histogram()
    lagging.histograms["schedule_lag"].record(200_000_000)
    assert len(lagging.invalid_reasons) == 3
    lagging.plan = Plan.from_mapping({"max_cpu": "98%", "max_loop_lag": "1s", "max_schedule_lag": "300ms"})
    assert lagging.invalid_reasons == []
    assert lagging.exit_code == 0


def test_a_client_without_cpu_to_spare_is_invalid() -> None:
    result = Result(Plan(), run_cpu_share=0.97)
    result.counts["connections"] = 1
    assert result.outcome == "invalid"
    assert result.exit_code == 4
    assert "97 % of a core" in result.sentences[0]
