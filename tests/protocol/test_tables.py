"""The ref table and the join map against a dict, and the session's deadlines on a clock of the test's own."""

from __future__ import annotations

import math
import random
from enum import StrEnum

import pytest

from fastphx.errors import AlreadyJoinedError, DisconnectedError, NotJoinedError, OverloadedError
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import encode_binary_reply
from fastphx.protocol.joins import Join, JoinMap, JoinState
from fastphx.protocol.refs import RefTable
from fastphx.protocol.sink import CallbackSink, CallbackWriter
from fastphx.timing.wheel import TimerWheel
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

SECOND = 1_000_000_000


def start(**options: object) -> tuple[CallbackSession, RecordingHandler, CollectingWriter]:
    handler = RecordingHandler()
    writer = CollectingWriter()
    session = CallbackSession(handler, **options)  # type: ignore[arg-type]
    session.opened(writer, 0, 1.0)
    return session, handler, writer


def joined(session: CallbackSession, topic: str) -> int:
    ref = session.join(topic)
    session.receive(
        b'["%d","%d","%b","phx_reply",{"response":{},"status":"ok"}]' % (ref, ref, topic.encode()), 1
    )
    return ref


def reply(session: CallbackSession, join_ref: int, ref: int, topic: str, now_ns: int = 0) -> None:
    session.receive(
        b'["%d","%d","%b","phx_reply",{"response":{},"status":"ok"}]' % (join_ref, ref, topic.encode()),
        1,
        now_ns,
    )


@pytest.mark.parametrize("seed", range(5))
def test_refs_against_a_dict(seed: int) -> None:
    rng = random.Random(seed)
    session, handler, _ = start(max_in_flight=300, heartbeat_interval_s=0)
    topics = [f"t:{i}" for i in range(3)]
    join_refs = {topic: joined(session, topic) for topic in topics}
    handler.take()
    waiting: dict[int, tuple[str, int, object]] = {}
    now = 0
    for _ in range(4000):
        action = rng.random()
        now += rng.randrange(1000)
        if action < 0.55:
            topic, deadline, waiter = rng.choice(topics), now + rng.randrange(400_000), object()
            if len(waiting) == 300:
                with pytest.raises(OverloadedError):
                    session.push_awaited(topic, "e", {}, waiter, now_ns=now, deadline_ns=deadline)
                continue
            ref = session.push_awaited(topic, "e", {}, waiter, now_ns=now, deadline_ns=deadline)
            assert ref not in waiting
            waiting[ref] = (topic, deadline, waiter)
        elif action < 0.85 and waiting:
            ref = rng.choice(list(waiting))
            topic, _, waiter = waiting.pop(ref)
            reply(session, join_refs[topic], ref, topic, now)
            assert handler.take()[0][2] is waiter
        elif action < 0.9 and waiting:
            ref = rng.choice(list(waiting))
            del waiting[ref]
            assert session.abandon(ref)
            assert not session.abandon(ref)
        elif action < 0.99:
            session.tick(now)
            expired = {call[1] for call in handler.take()}
            assert expired == {ref for ref, (_, deadline, _) in waiting.items() if deadline <= now}
            for ref in expired:
                del waiting[ref]
            # Who ticks when asked to is not asked at once again.
            assert session.next_deadline_ns is None or session.next_deadline_ns > now
        else:
            topic = rng.choice(topics)
            session.receive(
                b'["%d","%d","%b","phx_close",{}]' % (join_refs[topic], join_refs[topic], topic.encode()), 1
            )
            failed = {call[1] for call in handler.take() if call[0] == "on_failed"}
            assert failed == {ref for ref, (t, _, _) in waiting.items() if t == topic}
            for ref in failed:
                del waiting[ref]
            join_refs[topic] = joined(session, topic)
            handler.take()
        assert len(session.refs) == len(waiting)
        deadline_ns = session.next_deadline_ns
        if waiting:
            assert deadline_ns is not None
            assert deadline_ns <= min(deadline for _, deadline, _ in waiting.values())


@pytest.mark.parametrize("seed", range(3))
def test_topics_against_a_dict(seed: int) -> None:
    rng = random.Random(seed)
    session, handler, _ = start(heartbeat_interval_s=0)
    model: dict[str, int] = {}
    for _ in range(4000):
        topic = f"room:{rng.randrange(200)}" + "é" * rng.randrange(2)
        if topic in model and rng.random() < 0.5:
            ref = model.pop(topic)
            session.receive(f'["{ref}","{ref}","{topic}","phx_close",{{}}]'.encode(), 1)
            assert handler.calls[-1][0] == "on_closed"
        elif topic in model:
            session.receive(f'[null,null,"{topic}","m",1]'.encode(), 1)
            name, message = handler.calls[-1]
            assert (name, message.topic) == ("on_message", topic)
        else:
            model[topic] = joined(session, topic)
        handler.calls.clear()
        assert len(session.joins) == len(model)
    assert sorted(session.topics()) == sorted(model)
    for topic in model:
        assert session.joined(topic)
        session.receive(f'[null,null,"{topic}","m",1]'.encode(), 1)
    assert handler.names == ["on_message"] * len(model)


def test_max_topics() -> None:
    session, _, _ = start(max_topics=2)
    session.join("a")
    session.join("b")
    with pytest.raises(OverloadedError, match="max_topics"):
        session.join("c")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_table_has_room_for_something(limit: int) -> None:
    with pytest.raises(ValueError, match=f"max_in_flight is {limit}"):
        RefTable(limit)
    with pytest.raises(ValueError, match=f"max_topics is {limit}"):
        JoinMap(limit)


@pytest.mark.parametrize("interval_s", [-1.0, 86401.0, math.nan])
def test_a_heartbeats_interval_is_a_time(interval_s: float) -> None:
    with pytest.raises(ValueError, match="heartbeat_interval_s"):
        CallbackSession(RecordingHandler(), heartbeat_interval_s=interval_s)


def test_a_sink_and_a_writer_call_what_can_be_called() -> None:
    with pytest.raises(TypeError, match="a sink's callback must be callable, not int"):
        CallbackSink(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a writer's callback must be callable, not NoneType"):
        CallbackWriter(None)  # type: ignore[arg-type]


def test_a_join_comes_from_a_session() -> None:
    with pytest.raises(TypeError, match="comes from a session"):
        Join()


def test_the_tables_say_what_is_in_them() -> None:
    session, _, _ = start(heartbeat_interval_s=0)
    joined(session, "a")
    ref = session.push_awaited("a", "e", {}, object(), now_ns=0)
    assert ("a" in session.joins, "b" in session.joins) == (True, False)
    assert (ref in session.refs, ref + 1 in session.refs, 0 in session.refs) == (True, False, False)
    handlers = {"m": print}
    session.join_entry("a").handlers = handlers
    assert session.join_entry("a").handlers is handlers


def test_a_burst_of_pushes_leaves_no_table_behind() -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    join_ref = joined(session, "a")
    refs = [session.push_awaited("a", "e", {}, object(), now_ns=0) for _ in range(600)]
    assert session.refs.capacity > 1024
    for ref in refs:
        reply(session, join_ref, ref, "a")
    assert (session.refs.capacity, len(session.refs)) == (0, 0)
    waiter = object()
    reply(session, join_ref, session.push_awaited("a", "e", {}, waiter, now_ns=0), "a")
    assert handler.calls[-1][2] is waiter


@pytest.mark.parametrize(("status", "told"), [("ok", "on_joined"), ("error", "on_join_error")])
def test_a_join_may_be_answered_in_binary(status: str, told: str) -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    session.join("a")
    session.receive(encode_binary_reply("1", "1", "a", status, b"\x00"), 2)
    ((name, message, *_),) = handler.calls
    assert (name, message.status, message.response) == (told, status, b"\x00")


def test_a_timer_that_is_left_on_another_wheel_does_nothing() -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    wheel = TimerWheel()
    session.use_wheel(wheel)
    session.opened(CollectingWriter(), 0, 1.0)
    joined(session, "a")
    session.push_awaited("a", "e", {}, object(), now_ns=0, deadline_ns=SECOND)
    session.use_wheel(TimerWheel())
    session.disconnected()
    handler.take()
    assert wheel.advance(2 * SECOND) == 1
    assert handler.names == []


def test_the_table_of_states() -> None:
    session, _, _ = start()
    with pytest.raises(NotJoinedError):
        session.push("a", "e", {})
    with pytest.raises(NotJoinedError):
        session.leave("a")
    session.join("a")
    assert session.state("a") == JoinState.JOINING
    for act in (lambda: session.push("a", "e", {}), lambda: session.leave("a")):
        with pytest.raises(NotJoinedError):
            act()
    with pytest.raises(AlreadyJoinedError):
        session.join("a")
    assert not session.joined("a")
    reply(session, 1, 1, "a")
    assert session.joined("a")
    with pytest.raises(AlreadyJoinedError):
        session.join("a")
    session.leave("a")
    assert session.state("a") == JoinState.LEAVING
    for act in (lambda: session.push("a", "e", {}), lambda: session.leave("a")):
        with pytest.raises(NotJoinedError):
            act()
    with pytest.raises(AlreadyJoinedError):
        session.join("a")
    assert session.joined("a")
    session.receive(b'["1","1","a","phx_close",{}]', 1)
    assert not session.joined("a")
    assert session.join("a") == 3
    session.disconnected()
    for act in (lambda: session.push("a", "e", {}), lambda: session.leave("a"), lambda: session.join("a")):
        with pytest.raises(DisconnectedError):
            act()


def test_a_join_that_times_out_is_left_before_the_next() -> None:
    session, handler, writer = start(heartbeat_interval_s=0)
    session.join("a", deadline_ns=SECOND)
    session.tick(SECOND - 1)
    assert handler.names == []
    session.tick(SECOND)
    assert handler.names == ["on_join_timeout"]
    assert writer.frames[-1] == (1, b'["1","2","a","phx_leave",{}]')
    assert session.join("a") == 3
    # The late answers of the first try are not the second's.
    reply(session, 1, 1, "a")
    reply(session, 1, 2, "a")
    session.receive(b'["1","1","a","phx_close",{}]', 1)
    assert session.stats["stale"] == 3
    assert session.state("a") == JoinState.JOINING


def test_a_cancelled_join_is_left() -> None:
    session, handler, writer = start()
    session.join("a")
    session.leave("a", cancel_join=True)
    assert writer.frames[-1][1] == b'["1","2","a","phx_leave",{}]'
    reply(session, 1, 1, "a")
    reply(session, 1, 2, "a")
    session.receive(b'["1","1","a","phx_close",{}]', 1)
    assert handler.names == ["on_reply", "on_closed"]


def test_heartbeats_are_judged_by_their_own_ref() -> None:
    session, handler, writer = start(heartbeat_interval_s=10)
    session.tick(10 * SECOND)
    assert writer.frames == [(1, b'[null,"1","phoenix","heartbeat",{}]')]
    joined(session, "a")
    session.receive(b'[null,null,"a","chatter",{}]', 1)
    session.receive(b'[null,"99","phoenix","phx_reply",{"response":{},"status":"ok"}]', 1)
    session.tick(20 * SECOND)
    assert handler.names[-1] == "on_heartbeat_timeout"
    assert session.stats["stale_heartbeats"] == 1


def test_heartbeats_are_not_judged_while_reading_is_paused() -> None:
    session, handler, writer = start(heartbeat_interval_s=10)
    session.set_reading(False, 0)
    for beat in range(1, 5):
        session.tick(beat * 10 * SECOND)
    session.set_reading(True, 45 * SECOND)
    assert len(writer.frames) == 4
    session.tick(50 * SECOND)
    assert handler.names == []
    session.tick(60 * SECOND)
    assert handler.names == ["on_heartbeat_timeout"]


def test_the_first_heartbeats_of_many_sockets_are_spread() -> None:
    session = CallbackSession(RecordingHandler(), heartbeat_interval_s=30)
    session.opened(CollectingWriter(), 100, 0.25)
    assert session.next_deadline_ns == 100 + 30 * SECOND // 4


def test_refs_start_anew_with_a_new_connection() -> None:
    session, handler, _ = start()
    joined(session, "a")
    waiter = object()
    session.push_awaited("a", "e", {}, waiter, now_ns=0)
    session.disconnected()
    assert handler.calls[-1] == ("on_failed", 2, waiter, "disconnected")
    assert session.topics() == []
    assert session.next_deadline_ns is None
    session.opened(CollectingWriter(), 0, 1.0)
    assert session.join("a") == 1


def test_an_owned_topic_outlives_its_close() -> None:
    session, _, _ = start()
    session.join_entry("a").owner = "somebody"
    joined(session, "a")
    session.disconnected()
    assert session.topics() == ["a"]
    assert session.state("a") == JoinState.ERRORED


def test_handlers_of_a_topic_go_first() -> None:
    session, handler, _ = start()
    seen: list[str] = []
    entry = session.join_entry("a")
    entry.handlers = {"m": lambda message: seen.append("m")}
    joined(session, "a")
    session.receive(b'[null,null,"a","m",1]', 1)
    session.receive(b'[null,null,"a","other",1]', 1)
    entry.on_message = lambda message: seen.append(message.event)
    session.receive(b'[null,null,"a","more",1]', 1)
    assert seen == ["m", "more"]
    assert handler.names == ["on_joined", "on_message"]


def test_a_failing_callback_does_not_stop_the_others() -> None:
    class Failing(RecordingHandler):
        def on_failed(self, ref: int, waiter: object, reason: str) -> None:
            self.calls.append(("on_failed", ref))
            raise RuntimeError(str(ref))

    handler = Failing()
    session = CallbackSession(handler)
    session.opened(CollectingWriter(), 0, 1.0)
    joined(session, "a")
    for _ in range(3):
        session.push_awaited("a", "e", {}, object())
    with pytest.raises(RuntimeError, match="2"):
        session.disconnected()
    assert handler.calls[-3:] == [("on_failed", 2), ("on_failed", 3), ("on_failed", 4)]


def test_a_failing_callback_does_not_stop_the_deadlines_of_other_pushes() -> None:
    class Failing(RecordingHandler):
        def on_expired(self, ref: int, waiter: object) -> None:
            self.calls.append(("on_expired", ref))
            raise RuntimeError(str(ref))

    handler = Failing()
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CollectingWriter(), 0, 1.0)
    joined(session, "a")
    for _ in range(3):
        session.push_awaited("a", "e", {}, object(), now_ns=0, deadline_ns=SECOND)
    with pytest.raises(RuntimeError, match="2"):
        session.tick(SECOND)
    assert handler.calls[-3:] == [("on_expired", 2), ("on_expired", 3), ("on_expired", 4)]


def test_a_callback_that_ends_the_connection_ends_the_joins_that_are_due() -> None:
    class Ending(RecordingHandler):
        def on_join_timeout(self, join: Join) -> None:
            self.calls.append(("on_join_timeout", join.topic))
            session.disconnected()

    handler = Ending()
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CollectingWriter(), 0, 1.0)
    for topic in ("a", "b"):
        session.join(topic, deadline_ns=SECOND)
    session.tick(SECOND)
    assert handler.calls == [("on_join_timeout", "a")]


def test_what_a_topics_callable_raises_is_for_the_handler_of_errors() -> None:
    class Minding(RecordingHandler):
        def on_handler_error(self, error: Exception, message: object) -> None:
            self.calls.append((str(error),))

    def fail(message: object) -> None:
        raise ZeroDivisionError("a bug")

    handler = Minding()
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CollectingWriter(), 0, 1.0)
    session.join_entry("a").handlers = {"m": fail}
    joined(session, "a")
    session.receive(b'[null,null,"a","m",1]', 1)
    assert handler.names == ["on_joined", "a bug"]


def test_a_full_transport_changes_nothing() -> None:
    session, _, _ = start(heartbeat_interval_s=0)

    def refuse(frame: bytes, opcode: int) -> None:
        raise OverloadedError("full")

    joined(session, "a")
    session.opened(CallbackWriter(refuse), 0, 1.0)
    with pytest.raises(OverloadedError):
        session.join("a")
    assert session.state("a") == JoinState.CLOSED
    session.opened(CollectingWriter(), 0, 1.0)
    assert joined(session, "a") == 1
    session.opened(CallbackWriter(refuse), 0, 1.0)
    assert len(session.refs) == 0


def test_a_push_or_a_leave_that_cannot_be_sent_changes_nothing() -> None:
    full: list[bool] = []

    def write(frame: bytes, opcode: int) -> None:
        if full:
            raise OverloadedError("full")

    session, _, _ = start(heartbeat_interval_s=0)
    session.opened(CallbackWriter(write), 0, 1.0)
    joined(session, "a")
    full.append(True)
    for act in (
        lambda: session.push("a", "e", {}),
        lambda: session.push_awaited("a", "e", {}, object(), now_ns=0),
        lambda: session.leave("a", deadline_ns=SECOND),
    ):
        with pytest.raises(OverloadedError, match="full"):
            act()
    assert session.state("a") == JoinState.JOINED
    assert (len(session.refs), session.next_deadline_ns) == (0, None)
    full.clear()
    # The refs were given back.
    assert session.push("a", "e", {}) == 2


def test_a_full_table_of_pushes_says_so() -> None:
    session, _, _ = start(heartbeat_interval_s=0, max_in_flight=1)
    joined(session, "a")
    session.push_awaited("a", "e", {}, object(), now_ns=0)
    with pytest.raises(OverloadedError, match="max_in_flight"):
        session.push_awaited("a", "e", {}, object(), now_ns=0)


def test_a_leave_without_an_answer_is_over_at_its_deadline() -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    for topic in ("a", "b", "c"):
        joined(session, topic)
    session.leave("a", deadline_ns=SECOND)
    session.leave("b", deadline_ns=2 * SECOND)
    handler.take()
    session.tick(SECOND)
    ((name, message, join),) = handler.take()
    assert (name, message, join.topic) == ("on_closed", None, "a")
    assert session.next_deadline_ns == 2 * SECOND
    assert sorted(session.topics()) == ["b", "c"]


@pytest.mark.parametrize("answer", ["phx_reply", "join"])
def test_where_a_join_ends_a_leave_its_reply_or_the_next_join_is_its_end(answer: str) -> None:
    session, handler, _ = start(heartbeat_interval_s=0, join_ends_leave=True)
    joined(session, "a")
    leave_ref = session.leave("a")
    handler.take()
    if answer == "join":
        assert session.join("a") == leave_ref + 1
    else:
        reply(session, 1, leave_ref, "a")
        # Of a join that is over.
        session.receive(b'["1",null,"a","late",{}]', 1)
        assert session.stats["stale"] == 1
    assert handler.names == ["on_closed"]


def test_a_beat_that_cannot_be_sent_counts_as_unanswered() -> None:
    def refuse(frame: bytes, opcode: int) -> None:
        raise OverloadedError("full")

    handler = RecordingHandler()
    session = CallbackSession(handler, heartbeat_interval_s=10)
    session.opened(CollectingWriter(), 0, 1.0)
    session.join("a", deadline_ns=SECOND)
    session.opened(CallbackWriter(refuse), 0, 1.0)
    # One that is long overdue does not come twice.
    session.tick(50 * SECOND)
    assert session.stats["heartbeats_sent"] == 0
    assert session.next_deadline_ns == 60 * SECOND
    session.tick(60 * SECOND)
    assert handler.names == ["on_heartbeat_timeout"]


def test_a_join_that_times_out_is_over_though_its_leave_cannot_be_sent() -> None:
    full: list[bool] = []

    def write(frame: bytes, opcode: int) -> None:
        if full:
            raise OverloadedError("full")

    session, handler, _ = start(heartbeat_interval_s=0)
    session.opened(CallbackWriter(write), 0, 1.0)
    session.join("a", deadline_ns=SECOND)
    full.append(True)
    session.tick(SECOND)
    assert handler.names == ["on_join_timeout"]
    assert session.topics() == []


def test_a_close_that_comes_twice_is_stale() -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    session.join_entry("a").owner = "somebody"
    joined(session, "a")
    for _ in range(2):
        session.receive(b'[null,null,"a","phx_close",{}]', 1)
    assert handler.names == ["on_joined", "on_closed"]
    assert session.stats["stale"] == 1
    assert f"{session.state('a'):>8}" == "  closed"


def test_a_failing_callback_does_not_stop_the_deadlines_of_other_joins() -> None:
    class Failing(RecordingHandler):
        def on_join_timeout(self, join: Join) -> None:
            self.calls.append(("on_join_timeout", join.topic))
            raise RuntimeError(join.topic)

    handler, writer = Failing(), CollectingWriter()
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(writer, 0, 1.0)
    for topic in ("a", "b", "c"):
        session.join(topic, deadline_ns=SECOND)
    with pytest.raises(RuntimeError, match="a"):
        session.tick(SECOND)
    assert handler.calls == [("on_join_timeout", topic) for topic in ("a", "b", "c")]
    assert len(writer.frames) == 6
    assert session.topics() == []
    assert session.next_deadline_ns is None


def test_a_cancelled_join_that_is_refused_has_no_channel_to_close() -> None:
    session, handler, _ = start()
    session.join("a")
    session.leave("a", cancel_join=True)
    session.receive(b'["1","1","a","phx_reply",{"response":{},"status":"error"}]', 1)
    assert handler.calls[0][:2] == ("on_closed", None)
    assert session.topics() == []
    assert session.join("a") == 3
    # The server answers the leave of a topic that it does not have, too.
    reply(session, 1, 2, "a")
    assert session.state("a") == JoinState.JOINING


def test_a_forgotten_topic_fails_what_waits_on_it() -> None:
    session, handler, _ = start()
    for topic in ("a", "b"):
        joined(session, topic)
        session.push_awaited(topic, "e", {}, topic)
    session.forget("a")
    assert handler.calls[-1] == ("on_failed", 2, "a", "closed")
    assert len(session.refs) == 1


def test_heartbeats_that_are_looked_at_late_are_judged_after_reading() -> None:
    session, handler, writer = start(heartbeat_interval_s=8)
    session.tick(8 * SECOND)
    # The process stood still: what the server answered in time may not have been read yet.
    session.tick(100 * SECOND)
    assert handler.names == []
    assert session.next_deadline_ns == 102 * SECOND
    session.receive(b'[null,"1","phoenix","phx_reply",{"response":{},"status":"ok"}]', 1)
    session.tick(102 * SECOND)
    assert handler.names == ["on_heartbeat_reply"]
    assert len(writer.frames) == 2
    session.tick(150 * SECOND)
    session.tick(152 * SECOND)
    assert handler.names[-1] == "on_heartbeat_timeout"


class Event(StrEnum):
    ROOM = "room:a"
    NEWS = "news"


def test_an_enumerations_member_is_a_topic_and_an_event() -> None:
    session, _, writer = start()
    joined(session, "room:a")
    session.push(Event.ROOM, Event.NEWS, {})
    session.push_awaited(Event.ROOM, Event.NEWS, {}, object())
    assert writer.frames[-2:] == [(1, b'["1","%d","room:a","news",{}]' % ref) for ref in (2, 3)]
    assert session.joined(Event.ROOM)
    assert session.state(Event.ROOM) == JoinState.JOINED
    session.leave(Event.ROOM)
    session.forget(Event.ROOM)
    session.join(Event.ROOM)
    assert type(session.topics()[0]) is str


@pytest.mark.parametrize("topic", [None, 1, b"room:a"])
def test_a_topic_of_another_type_is_refused(topic: object) -> None:
    session, _, _ = start()
    with pytest.raises(TypeError, match="the topic is a str"):
        session.join(topic)  # type: ignore[arg-type]
    assert session.topics() == []


@pytest.mark.parametrize("join_ref", ["null", '"2"'])
def test_a_reply_on_another_topic_is_no_answer(join_ref: str) -> None:
    session, handler, _ = start(heartbeat_interval_s=0)
    joined(session, "a")
    joined(session, "b")
    handler.take()
    waiter = object()
    ref = session.push_awaited("a", "e", {}, waiter, now_ns=0)
    session.receive(b'[%b,"%d","b","phx_reply",{"response":{},"status":"ok"}]' % (join_ref.encode(), ref), 1)
    ((name, _, answered, _),) = handler.take()
    assert (name, answered, len(session.refs)) == ("on_reply", None, 1)
    assert session.stats["unexpected_replies"] == 1
    reply(session, 1, ref, "a", 5)
    ((_, message, answered, rtt_ns),) = handler.take()
    assert (message.topic, answered, rtt_ns, len(session.refs)) == ("a", waiter, 5, 0)
