"""The frames recorded from a running Phoenix, replayed into a session without a socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.joins import JoinState
from fastphx.protocol.message import Message
from tests.protocol.collecting_writer import CollectingWriter
from tests.protocol.recording_handler import RecordingHandler

DATA = Path(__file__).parent.parent / "data" / "websocket.json"
SCENARIOS = {scenario["name"]: scenario for scenario in json.loads(DATA.read_text())["scenarios"]}
VSN2 = [name for name, scenario in SCENARIOS.items() if "vsn=2.0.0" in scenario["path"]]

# Frames that a well-behaved client never sends: only the server's side of these is replayed.
MALFORMED = {"bad_json", "bad_shape", "bad_binary"}
# Integer refs are legal on the wire, but we send strings; and these heartbeats and stale refs are scripted.
OTHER_REFS = {"join_int_refs", "heartbeat", "duplicate_join", "push_not_joined", "leave_not_joined", "leave"}

EXPECTED: dict[str, list[str]] = {
    "join_ok": ["on_joined"],
    "join_int_refs": ["on_joined", "on_reply"],
    "join_denied": ["on_join_error"],
    "join_crash": ["on_join_error"],
    "join_unmatched": ["on_join_error"],
    "push_not_joined": ["on_unknown_topic"],
    "leave_not_joined": ["on_unknown_topic"],
    "echo": ["on_joined", "on_reply", "on_reply", "on_reply"],
    "broadcast": ["on_joined", "on_message", "on_message"],
    "binary": ["on_joined", "on_reply", "on_message", "on_message", "on_reply"],
    "duplicate_join": ["on_joined", "on_reply"],
    "leave": ["on_joined", "on_reply", "on_closed", "on_unknown_topic"],
    "channel_crash": ["on_joined", "on_errored"],
    "channel_stop": ["on_joined", "on_closed"],
    "channel_stop_shutdown": ["on_joined", "on_closed"],
    "heartbeat": ["on_heartbeat_reply"],
    "disconnect": ["on_joined"],
    "transport_killed": ["on_joined"],
    "idle_timeout": ["on_joined"],
    "bad_json": [],
    "bad_shape": [],
    "bad_binary": [],
    "presence": ["on_joined", "on_message", "on_message", "on_reply", "on_message"],
}


def start() -> tuple[CallbackSession, RecordingHandler, CollectingWriter]:
    handler = RecordingHandler()
    writer = CollectingWriter()
    session = CallbackSession(handler)
    session.opened(writer, 0, 1.0)
    return session, handler, writer


def send(session: CallbackSession, frame: list[Any], payload: Any) -> None:
    """Do what the recorded client did, through the session's own interface."""
    _, _, topic, event, _ = frame
    if event == "phx_join":
        session.join(topic, payload)
    elif event == "phx_leave":
        session.leave(topic, payload)
    elif event == "heartbeat":
        deadline = session.next_deadline_ns
        assert deadline is not None
        session.tick(deadline)
    else:
        session.push(topic, event, payload)


def split_binary_push(data: bytes) -> tuple[list[Any], bytes]:
    join_ref, ref, topic, event = data[1:5]
    at = 5
    fields = []
    for size in (join_ref, ref, topic, event):
        fields.append(data[at : at + size].decode())
        at += size
    return [*fields, None], data[at:]


def receive(session: CallbackSession, frame: dict[str, Any]) -> None:
    if "text" in frame:
        session.receive(frame["text"].encode(), 1, 1)
    elif "hex" in frame:
        session.receive(bytes.fromhex(frame["hex"]), 2, 1)


def test_every_scenario_is_expected() -> None:
    assert set(VSN2) == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(set(VSN2) - MALFORMED - OTHER_REFS))
def test_what_we_send_is_what_was_sent_there(name: str) -> None:
    session, handler, writer = start()
    for frame in SCENARIOS[name]["frames"]:
        if frame["dir"] == "send" and "text" in frame:
            sent = json.loads(frame["text"])
            send(session, sent, sent[4])
            opcode, ours = writer.frames[-1]
            assert (opcode, json.loads(ours)) == (1, sent)
        elif frame["dir"] == "send":
            data = bytes.fromhex(frame["hex"])
            send(session, *split_binary_push(data))
            assert writer.frames[-1] == (2, data)
        else:
            receive(session, frame)
    assert handler.names == EXPECTED[name]
    assert session.stats["decode_errors"] == 0


def test_topics_are_not_left_behind() -> None:
    for name in ("channel_stop", "channel_crash", "join_denied", "join_unmatched"):
        session, handler, _ = start()
        for frame in SCENARIOS[name]["frames"]:
            if frame["dir"] == "send":
                sent = json.loads(frame["text"])
                send(session, sent, sent[4])
            else:
                receive(session, frame)
        assert session.topics() == [], name
        assert handler.names == EXPECTED[name]


def test_integer_refs_are_understood() -> None:
    session, handler, _ = start()
    session.join("room:a")
    recv = [frame for frame in SCENARIOS["join_int_refs"]["frames"] if frame["dir"] == "recv"]
    receive(session, recv[0])
    waiter = object()
    session.push_awaited("room:a", "echo", {"n": 1}, waiter, now_ns=0)
    receive(session, recv[1])
    (_, joined, _), (_, reply, replied_to, rtt_ns) = handler.calls
    assert (joined.join_ref, joined.ref, reply.ref, replied_to, rtt_ns) == (1, 1, 2, waiter, 1)


def test_heartbeat() -> None:
    session, handler, writer = start()
    for _ in range(6):
        session.tick(session.next_deadline_ns or 0)
        session.receive(
            b'[null,"%d","phoenix","phx_reply",{"response":{},"status":"ok"}]' % len(writer.frames), 1
        )
    handler.take()
    for frame in SCENARIOS["heartbeat"]["frames"]:
        if frame["dir"] == "send":
            session.tick(session.next_deadline_ns or 0)
            assert json.loads(writer.frames[-1][1]) == json.loads(frame["text"])
        else:
            receive(session, frame)
    assert handler.names == ["on_heartbeat_reply"]
    assert session.stats["heartbeats_answered"] == 7


def test_the_close_of_a_replaced_join_is_stale() -> None:
    session, handler, _ = start()
    frames = SCENARIOS["duplicate_join"]["frames"]
    recv = [frame for frame in frames if frame["dir"] == "recv"]
    session.join("room:a")
    receive(session, recv[0])
    # What a reconnecting owner does: it forgets the topic and joins it anew under the next ref.
    session.forget("room:a")
    session.join("room:a")
    for frame in recv[1:]:
        receive(session, frame)
    assert handler.names == ["on_joined", "on_joined", "on_reply"]
    assert session.stats["stale"] == 1
    assert session.joined("room:a")


def test_leave() -> None:
    session, handler, writer = start()
    steps = SCENARIOS["leave"]["frames"]
    for frame in steps[:-2]:
        if frame["dir"] == "send":
            sent = json.loads(frame["text"])
            send(session, sent, sent[4])
            assert json.loads(writer.frames[-1][1]) == sent
        else:
            receive(session, frame)
            if handler.names[-1] == "on_reply":
                assert session.joined("room:a")
                assert session.state("room:a") == JoinState.LEAVING
    assert handler.names == ["on_joined", "on_reply", "on_closed"]
    assert not session.joined("room:a")
    receive(session, steps[-1])
    assert handler.names[-1] == "on_unknown_topic"


@pytest.mark.parametrize("name", ["push_not_joined", "leave_not_joined"])
def test_an_answer_for_a_topic_that_is_not_ours(name: str) -> None:
    session, handler, _ = start()
    for frame in SCENARIOS[name]["frames"]:
        if frame["dir"] == "recv":
            receive(session, frame)
    assert handler.names == EXPECTED[name]
    assert session.stats["unknown_topic"] == 1


def test_payloads_and_statuses() -> None:
    session, handler, _ = start()
    for frame in SCENARIOS["echo"]["frames"]:
        if frame["dir"] == "send":
            sent = json.loads(frame["text"])
            send(session, sent, sent[4])
        else:
            receive(session, frame)
    replies: list[Message] = [call[1] for call in handler.calls[1:]]
    assert [reply.status for reply in replies] == ["ok", "error", "ok"]
    assert replies[0].response == {"x": [1, 2.5, None, True, 's"q\\']}
    assert replies[1].payload == {"response": {"why": "no"}, "status": "error"}


def test_binary_messages() -> None:
    session, handler, _ = start()
    for frame in SCENARIOS["binary"]["frames"]:
        if frame["dir"] == "recv":
            receive(session, frame)
        elif "hex" in frame:
            send(session, *split_binary_push(bytes.fromhex(frame["hex"])))
        else:
            session.join("room:b")
    messages: list[Message] = [call[1] for call in handler.calls[1:]]
    assert [(m.event, m.payload, m.is_binary) for m in messages] == [
        ("phx_reply", {"status": "ok", "response": b"\x00\x01\xff"}, True),
        ("pushed", b"abc", True),
        ("new_msg", b"\xde\xad", True),
        ("phx_reply", {"status": "ok", "response": b""}, True),
    ]


class VsnOne:
    """What the session asks of a serializer, for vsn 1.0.0."""

    vsn = "1.0.0"

    def encode(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any) -> tuple[bytes, int]:
        return json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref}).encode(), 1

    def decode(self, data: bytes, opcode: int) -> tuple[Any, Any, str, str, Any]:
        message = json.loads(data)
        return None, message["ref"], message["topic"], message["event"], message["payload"]


def test_vsn_1() -> None:
    handler = RecordingHandler()
    writer = CollectingWriter()
    session = CallbackSession(handler, serializer=VsnOne(), heartbeat_interval_s=1)
    session.opened(writer, 0, 1.0)
    for frame in SCENARIOS["v1_join_echo"]["frames"]:
        if frame["dir"] == "recv":
            receive(session, frame)
            continue
        sent = json.loads(frame["text"])
        send(session, [None, None, sent["topic"], sent["event"], None], sent["payload"])
        assert json.loads(writer.frames[-1][1]) == sent
    assert handler.names == [
        "on_joined", "on_reply", "on_message", "on_heartbeat_reply", "on_reply", "on_closed",
    ]  # fmt: skip
