"""Several events, each with its weight and payload, pushed to the topics that are named."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fastphx.errors import OverloadedError, clip
from fastphx.load.control.first_connection import first_connection
from fastphx.load.control.preflight import preflight
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.plan_file import read_plan
from fastphx.load.plan.pushed_event import MAX_EVENTS, PushedEvent
from fastphx.load.report.json import schema
from fastphx.load.worker.event_mix import EventMix
from fastphx.load.worker.meter import Meter, MeterSession
from fastphx.load.worker.pacer import Pacer
from fastphx.load.worker.random_bits import RandomBits
from fastphx.protocol.message import Message
from fastphx.protocol.sink import CallbackWriter
from fastphx.testing.channel import ServerChannel
from fastphx.testing.demo import demo_server
from fastphx.testing.responses import ServerReply
from fastphx.testing.server import Server
from fastphx.timing.wheel import TimerWheel, wheel_for
from fastphx.transports.connector import connect

from .processes import Run, check_identities, load

DEADLINE_S = 20.0
PLAN = """
connections = 4
topic = ["room:lobby", "room:{i}", "user:{i}"]
push-topic = ["user:{i}", "room:{i}"]
event = { echo = 3, "a=b" = 1, note = 2 }
payload = "@all.json"
rate = 300
duration = "1s"

[event-payload]
note = { n = "{n}", deep = { row = "{row.name}" } }
"a=b" = "@ab.json"
"""


def written(folder: Path) -> Path:
    """The plan file, and the files that it names."""
    (folder / "all.json").write_text('{"for":"all"}')
    (folder / "ab.json").write_text('{"i":{i}}')
    (folder / "users.csv").write_text('name\nann\n"b""ob"\n')
    (folder / "plan.toml").write_text(f'data = "users.csv"\n{PLAN}')
    return folder / "plan.toml"


class Noting(ServerChannel):
    """Answers everything, and notes it."""

    noted: list[tuple[str, str, Any]]
    lock = threading.Lock()

    def handle_in(self, event: str, message: Message) -> ServerReply:
        with self.lock:
            self.noted.append((message.topic, event, message.payload))
        return ServerReply("ok")


@pytest.fixture(scope="module")
def noted() -> list[tuple[str, str, Any]]:
    """What reached the server, in its order: topic, event, payload."""
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, noted: list[tuple[str, str, Any]]) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("events")
    channel = type("NotingHere", (Noting,), {"noted": noted})
    with Server({"room:*": channel, "user:*": channel}) as server:
        yield load(
            folder, str(written(folder)), server.url, "--seed", "5", "--markdown", str(folder / "r.md")
        )


def test_each_event_is_pushed_as_often_as_its_weight_says(
    run: Run, noted: list[tuple[str, str, Any]]
) -> None:
    assert run.code == 0, run.err
    check_identities(run.totals)
    assert run.result is not None
    assert run.result["pushed_events"] == {"echo": 150, "a=b": 50, "note": 100}
    assert Counter(event for _, event, _ in noted) == run.result["pushed_events"]
    assert run.totals["replies"] == 300
    assert "push note" in run.out
    jsonschema.validate(run.result, schema())


def test_no_socket_and_no_topic_meets_one_event_only(run: Run, noted: list[tuple[str, str, Any]]) -> None:
    assert run.code == 0, run.err
    by_topic = Counter((topic, event) for topic, event, _ in noted)
    topics = [f"{kind}:{i}" for kind in ("room", "user") for i in range(4)]
    assert {topic for topic, _ in by_topic} == set(topics)
    for topic in topics:
        # Each socket pushes to its two topics in turn.
        assert 37 <= sum(number for (on, _), number in by_topic.items() if on == topic) <= 38
        assert all(by_topic[topic, event] for event in ("echo", "a=b", "note"))


def test_each_event_has_its_own_payload(run: Run, noted: list[tuple[str, str, Any]]) -> None:
    assert run.code == 0, run.err
    numbers: dict[int, set[int]] = {i: set() for i in range(4)}
    for topic, event, payload in noted:
        i = int(topic.partition(":")[2])
        if event == "echo":
            assert payload == {"for": "all"}
        elif event == "a=b":
            assert payload == {"i": i}
        else:
            assert payload["deep"] == {"row": 'b"ob' if i % 2 else "ann"}
            assert int(payload["n"]) not in numbers[i]
            numbers[i].add(int(payload["n"]))
    # {n} is the socket's push, of whatever event.
    assert max(max(seen) for seen in numbers.values()) > 50


def test_the_old_format_and_the_tables_of_reports(tmp_path: Path) -> None:
    run = load(
        tmp_path,
        *("--vsn", "1.0.0", "-c", "2", "--rate", "40", "--duration", "500ms", "--event", "echo=3"),
        *("--event", "status", "--event-payload", 'echo={"n":{n}}', "--html", str(tmp_path / "r.html")),
        *("--markdown", str(tmp_path / "r.md"), "--quiet"),
    )
    assert run.code == 0, run.err
    assert run.result is not None
    assert run.result["pushed_events"] == {"echo": 15, "status": 5}
    assert run.totals["replies"] == 20
    assert run.result["plan"]["event"] == ["echo=3", "status"]
    assert run.result["plan"]["event_payload"] == [["echo", "[9 characters]"]]
    assert "| push `status` | 5 |" in (tmp_path / "r.md").read_text()
    assert "Pushes by event" in (tmp_path / "r.html").read_text()


# -- the order of the events


def drawn(weights: list[int], number: int, seed: int = 0, stream: int = -1) -> list[int]:
    mix = EventMix([(b"%d" % weight, b"{}", weight) for weight in weights], RandomBits(seed, stream))
    return [mix.draw() for _ in range(number)]


def in_parts(numbers: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(numbers[at : at + size]) for at in range(0, len(numbers), size)]


def test_each_round_has_the_weights_and_an_order_of_its_own() -> None:
    rounds = in_parts(drawn([3, 1, 2], 6 * 1000), 6)
    assert all(Counter(each) == {0: 3, 1: 1, 2: 2} for each in rounds)
    # 6! / (3! 1! 2!) orders, all of them as likely.
    orders = Counter(rounds)
    assert len(orders) == 60
    assert sum((count - 1000 / 60) ** 2 / (1000 / 60) for count in orders.values()) < 110


def test_the_seed_and_the_worker_decide_the_order() -> None:
    first = drawn([2, 1], 60)
    assert drawn([2, 1], 60) == first
    assert drawn([2, 1], 60, seed=1) != first
    assert drawn([2, 1], 60, stream=-2) != first


def test_a_round_is_as_short_as_it_can_be() -> None:
    assert all(sorted(each) == [0, 1] for each in in_parts(drawn([1000, 1000], 20), 2))


def test_what_was_not_sent_comes_later_in_its_round() -> None:
    mix = EventMix([(b"a", b"{}", 2), (b"b", None, 1)], RandomBits(3))
    for _ in range(20):
        for _ in range(3):
            mix.draw()
            mix.give_back()
            mix.draw()
    assert mix.pushed == {"a": 40, "b": 20}


def test_events_that_make_no_mix_are_refused() -> None:
    for events in ([], [(b"a", b"{}", 0)], [(b"a", b"{}", 1 << 20), (b"b", b"{}", 3)]):
        with pytest.raises(ValueError, match="give"):
            EventMix(events, RandomBits(0))  # type: ignore[arg-type]


class Narrow:
    """The owner of a session's link and of its meter: two of three pushes find room to be sent."""

    def __init__(self, wheel: TimerWheel) -> None:
        bits = RandomBits(0)
        mix = EventMix([(b"echo", b"{}", 3), (b"status", None, 1)], bits)
        self.meter = Meter(
            self, wheel, event=b"echo", payload=None, timeout_s=10.0, join_timeout_s=10.0, mix=mix
        )
        self.session = MeterSession(self.meter, 0, ("room:a", "room:b"), push_topics=("room:b",))
        self.joined, self.gone = asyncio.Event(), asyncio.Event()
        self.sent: list[list[Any]] = []
        self.asked = 0

    def notify_connected(self, writer: Any) -> None:
        self.through = writer
        own = type("Writer", (CallbackWriter,), {"link": writer.link})
        self.session.notify_connected(own(self.write))

    def write(self, data: bytes, opcode: int) -> None:
        frame = json.loads(data)
        if frame[3] in ("echo", "status"):
            self.asked += 1
            if self.asked % 3 == 0:
                raise OverloadedError("there is no room")
            self.sent.append(frame)
        self.through.write(data, opcode)

    def notify_disconnected(self, reason: Any) -> None:
        self.session.notify_disconnected(reason)

    def notify_error(self, exc: BaseException) -> None:
        self.session.notify_error(exc)

    def render_payload(self, session: MeterSession, event: int) -> bytes:
        return b'{"event":%d,"n":%d}' % (event, session.pushed)

    def session_joined(self, session: MeterSession) -> None:
        self.joined.set()

    def session_disconnected(self, session: MeterSession, reason: Any) -> None:
        self.gone.set()


async def test_an_event_that_could_not_be_sent_is_not_lost_to_its_round() -> None:
    with demo_server() as server:
        owner, scheduled = Narrow(wheel_for(asyncio.get_running_loop())), asyncio.Event()
        async with asyncio.timeout(DEADLINE_S):
            url = f"{server.url}/websocket?vsn=2.0.0"
            await connect(url, owner.session, owner)  # type: ignore[arg-type]
            await owner.joined.wait()
            pacer = Pacer(owner.meter, [(300.0, 10**9)], finished=scheduled.set)
            pacer.start(time.monotonic_ns() - 2 * 10**9)
            await scheduled.wait()
            owner.session.close()
            await owner.gone.wait()
    counts = owner.meter.counts
    assert counts["arrivals"] == 300
    assert counts["unsent"] == 100
    assert counts["pushes"] == 200
    assert owner.meter.pushed_events == {"echo": 150, "status": 50}
    assert Counter(frame[3] for frame in owner.sent) == owner.meter.pushed_events
    assert {frame[2] for frame in owner.sent} == {"room:b"}
    assert all((frame[4] == {}) == (frame[3] == "echo") for frame in owner.sent)


# -- what a plan says


@pytest.mark.parametrize(
    ("value", "events", "again"),
    [
        ("echo", [("echo", 1)], "echo"),
        ("echo=3", [("echo", 3)], "echo=3"),
        (("echo=3", "new_msg"), [("echo", 3), ("new_msg", 1)], ["echo=3", "new_msg"]),
        (["a=b=1"], [("a=b", 1)], "a=b=1"),
        ({"echo": 3, "a=b": 1}, [("echo", 3), ("a=b", 1)], ["echo=3", "a=b=1"]),
    ],
)
def test_events_are_read_from_flags_and_tables(value: object, events: list[Any], again: object) -> None:
    plan = Plan.from_mapping({"event": value})
    assert plan.events == tuple(PushedEvent(*each) for each in events)
    assert plan.to_mapping()["event"] == again
    assert Plan.from_mapping(plan.to_mapping()) == plan


@pytest.mark.parametrize(
    ("value", "payloads"),
    [
        ('echo={"a":"x=y"}', [("echo", '{"a":"x=y"}')]),
        (["echo=@f.json", "new_msg=env:BODY"], [("echo", "@f.json"), ("new_msg", "env:BODY")]),
        ([["echo", "{}"]], [("echo", "{}")]),
        ({"echo": {"a": [1]}, "new_msg": None}, [("echo", '{"a":[1]}'), ("new_msg", "null")]),
    ],
)
def test_payloads_of_events_are_read_from_flags_and_tables(value: object, payloads: list[Any]) -> None:
    plan = Plan.from_mapping({"event": ["echo", "new_msg"], "event_payload": value, "payload": "[]"})
    assert plan.event_payloads == tuple(payloads)
    assert plan.payload_of("echo") == payloads[0][1]
    assert Plan.from_mapping(plan.to_mapping()) == plan


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        ({"event": "echo=x"}, "event: the weight of 'echo' is 'x': give a whole number from 1 to 1000"),
        ({"event": "echo=0"}, "the weight of 'echo' is '0'"),
        ({"event": "echo=1001"}, "the weight of 'echo' is '1001'"),
        ({"event": "echo="}, "the weight of 'echo' is ''"),
        ({"event": {"echo": 1.5}}, "the weight of 'echo' is '1.5'"),
        ({"event": {"echo": True}}, "the weight of 'echo' is 'True'"),
        ({"event": ""}, "the event is empty"),
        ({"event": "=3"}, "the event is empty"),
        ({"event": []}, "there are 0 events"),
        ({"event": [f"e{n}" for n in range(MAX_EVENTS + 1)]}, f"there are {MAX_EVENTS + 1} events"),
        ({"event": ["echo", "b", "echo=2"]}, "'echo' is there twice: give it a weight, echo=2"),
        ({"event": 7}, "'7' is not a text like echo or echo=3"),
        ({"event_payload": "SECRET"}, "event_payload: one is not EVENT=PAYLOAD"),
        ({"event_payload": [["echo", "{}"], ["echo", "[]"]]}, "there are two for 'echo'"),
        ({"event_payload": {"echo": object()}}, "event_payload: it cannot be written as JSON"),
        (
            {"event": ["a", "b"], "event_payload": {"c": "SECRET"}},
            "'c', which is not pushed: the events are 'a', 'b'",
        ),
        ({"event_payload": "echo=SECRET"}, "the 'echo' payload, of 6 characters, is not JSON"),
        ({"event_payload": "echo=@no.json"}, "the 'echo' payload's file 'no.json' cannot be read"),
        ({"event": ["echo", "b"], "event_payload": 'b={"n":{n - 1}0}'}, "the 'b' payload, of"),
        ({"event_payload": "echo={t}"}, "{t} cannot be filled in here"),
        ({"binary": True, "event": ["echo", "x" * 256]}, "the event of a binary push has at most 255 bytes"),
        (
            {"push_topic": "room:b"},
            "connection 0 would push to 'room:b', which it does not join: its topics are",
        ),
        ({"push_topic": "room:{i % 3}"}, "connection 3 would push to 'room:0'"),
        ({"push_topic": "room:{t}"}, "{t} cannot be filled in here"),
        ({"push_topic": ["room:{i}"] * 1001}, "give up to 1000 topics that are pushed to"),
        ({"scenario": "fanout", "event": ["a", "b"]}, "fanout pushes one event"),
        ({"scenario": "fanout", "push_topic": "fan:0"}, "leave the push topic out"),
    ],
)
def test_what_cannot_be_pushed_is_refused(mapping: dict[str, object], words: str) -> None:
    with pytest.raises(PlanError) as raised:
        preflight(Plan.from_mapping(mapping))
    assert words in str(raised.value)
    assert str(raised.value).isprintable()
    assert "SECRET" not in str(raised.value)


def test_each_row_is_checked_for_each_payload_and_each_topic_that_is_pushed_to(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text('n,room\n1,a\n"",b\n')
    plan = {"data": str(data), "event": ["echo", "b"], "connections": 2}
    with pytest.raises(PlanError, match="the 'b' payload, of 6 characters, is not JSON"):
        preflight(Plan.from_mapping({**plan, "event_payload": {"b": '{"n":{row.n}}'}}))
    with pytest.raises(PlanError, match="connection 1 would push to 'room:b'"):
        preflight(Plan.from_mapping({**plan, "topic": ["room:a"], "push_topic": "room:{row.room}"}))
    preflight(Plan.from_mapping({**plan, "topic": ["room:a", "room:b"], "push_topic": "room:{row.room}"}))


def test_a_dry_run_shows_each_payload_and_what_is_pushed_to(tmp_path: Path) -> None:
    plan = Plan.from_mapping(read_plan(str(written(tmp_path))))
    preflight(plan)
    shown = first_connection(plan)
    assert shown["topics"] == ["room:lobby", "room:0", "user:0"]
    assert shown["push_topics"] == ["user:0", "room:0"]
    assert shown["event"] == ["echo=3", "a=b=1", "note=2"]
    assert json.loads(shown["payload"]["note"]) == {"n": "0", "deep": {"row": "ann"}}
    assert shown["payload"].keys() == {"echo", "a=b", "note"}
    assert "ab.json" in clip(dict(plan.event_payloads)["a=b"], 500)
