"""What is right as a WebSocket's message, and wrong as one of the Channels protocol."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.answering_server import Pushed
from tests.hostile.right_server import Answer, Frames, Serve, right, serve_right
from tests.transports.raw_server import BINARY, frame

Make = Callable[[Pushed], Frames]
DEEP = "[" * 5000 + "]" * 5000
LONG = "x" * 90_000


def answering_with(answer: Answer) -> Serve:
    """A server that answers so."""
    return lambda peer, request: serve_right(peer, request, answer)


def on(event: str, make: Make) -> Answer:
    """In place of the reply to *event*; ``*`` is a push of any event that is not Phoenix's own."""

    def answer(pushed: Pushed) -> Frames | None:
        own = pushed.event.startswith("phx_") or pushed.event == "heartbeat"
        return make(pushed) if event == pushed.event or (event == "*" and not own) else None

    return answer


def after_join(*make: Callable[[Pushed], Any]) -> Answer:
    """Behind the reply to a join."""
    return on("phx_join", lambda p: [*right(p), *(each(p) for each in make)])


def message(event: Any, payload: Any = None, **fields: Any) -> Callable[[Pushed], list[Any]]:
    """A message of the topic of the join; *fields* take the place of what is right."""
    return lambda p: [
        fields.get("join_ref"),
        fields.get("ref"),
        fields.get("topic", p.topic),
        event,
        {} if payload is None else payload,
    ]


def text(written: str) -> Callable[[Pushed], str]:
    """The text of a frame, with the join's refs and topic in it."""
    return lambda p: (
        written.replace("JOIN_REF", p.join_ref or "").replace("REF", p.ref).replace("TOPIC", p.topic)
    )


def reply_with(payload: str) -> Make:
    """A reply whose payload is this text."""
    return lambda p: [f'["{p.join_ref}","{p.ref}",{json.dumps(p.topic)},"phx_reply",{payload}]']


def binary(data: bytes) -> Callable[[Pushed], bytes]:
    return lambda _: frame(BINARY, data)


REPLIES = {
    "null": "null",
    "a list": "[]",
    "a number": "1",
    "a string": '"ok"',
    "an empty object": "{}",
    "no response": '{"status":"ok"}',
    "no status": '{"response":{}}',
    "a status of null": '{"status":null,"response":{}}',
    "a status of a list": '{"status":["ok"],"response":{}}',
    "a status of a number": '{"status":0,"response":{}}',
    "another status": '{"status":"timeout","response":{}}',
    "a status of control characters": '{"status":"\\u001b[31m\\n","response":{}}',
    "a long status": f'{{"status":"{LONG}","response":{{}}}}',
    "an error of null": '{"status":"error","response":null}',
    "an error of a list": '{"status":"error","response":[[]]}',
    "an error with an odd reason": '{"status":"error","response":{"reason":"\\u001b]0;x\\u0007"}}',
    "an error with a long reason": f'{{"status":"error","response":{{"reason":"{LONG}"}}}}',
    "an error with a reason of an object": '{"status":"error","response":{"reason":{"a":[1,2]}}}',
    "status twice": '{"status":"error","status":"ok","response":{}}',
    "response twice": '{"response":1,"response":2,"status":"ok"}',
    "the end of an ok in a string": '{"response":"\\",\\"status\\":\\"ok\\"}","status":"error"}',
    "a deep response": f'{{"status":"ok","response":{DEEP}}}',
    "a deep refusal": f'{{"status":"error","response":{DEEP}}}',
    "NaN": '{"status":"ok","response":NaN}',
    "Infinity": '{"status":"ok","response":-Infinity}',
    "a number of a thousand digits": f'{{"status":"ok","response":{"9" * 1000}}}',
    "an exponent": '{"status":"ok","response":1e999999}',
    "half an object": '{"status":"ok","response":{',
    "a comma too many": '{"status":"ok","response":{},}',
    "half a surrogate pair": '{"status":"ok","response":"\\ud800"}',
    "two values": '{"status":"ok","response":{}} {"status":"ok"}',
    "nothing": "",
}
"""The payload of a reply, in place of ``{"status": "ok", "response": {}}``."""

MESSAGES: dict[str, Callable[[Pushed], Any]] = {
    "an empty text": text(""),
    "white space": text(" \n\t "),
    "a word": text("hello"),
    "null": text("null"),
    "an object": text('{"topic":"TOPIC","event":"e","payload":{},"ref":null}'),
    "an empty list": text("[]"),
    "four elements": text('[null,null,"TOPIC","e"]'),
    "six elements": text('[null,null,"TOPIC","e",{},{}]'),
    "null everywhere": text("[null,null,null,null,null]"),
    "numbers everywhere": text("[1,2,3,4,5]"),
    "lists everywhere": text("[[],[],[],[],[]]"),
    "true everywhere": text("[true,true,true,true,true]"),
    "a topic of null": text('[null,null,null,"e",{}]'),
    "an event of null": text('[null,null,"TOPIC",null,{}]'),
    "an empty topic": text('[null,null,"","e",{}]'),
    "an empty event": text('[null,null,"TOPIC","",{}]'),
    "a long topic": text(f'[null,null,"{LONG}","e",{{}}]'),
    "a long event": text(f'[null,null,"TOPIC","{LONG}",{{}}]'),
    "a long join_ref": text(f'["{"1" * 80_000}",null,"TOPIC","e",{{}}]'),
    "a ref of a thousand digits": text(f'[null,"{"9" * 1000}","TOPIC","phx_reply",{{}}]'),
    "a ref of 2 to the 64": text(
        '[null,"18446744073709551616","TOPIC","phx_reply",{"status":"ok","response":{}}]'
    ),
    "a ref of 2 to the 63": text(
        '[null,"9223372036854775808","TOPIC","phx_reply",{"status":"ok","response":{}}]'
    ),
    "a negative ref": text('[null,"-1","TOPIC","phx_reply",{"status":"ok","response":{}}]'),
    "a ref of a float": text('[null,1.5,"TOPIC","phx_reply",{"status":"ok","response":{}}]'),
    "a ref with leading zeros": text(
        '["JOIN_REF","000REF","TOPIC","phx_reply",{"status":"ok","response":{}}]'
    ),
    "refs as numbers": text('[JOIN_REF,REF,"TOPIC","e",{}]'),
    "escapes in every place": text('["\\u0031","\\u0032","\\u0072oom:a","\\u0065",{"\\u0061":1}]'),
    "control characters in the event": text('[null,null,"TOPIC","\\u001b[2J\\u0000\\n\\u202e",{}]'),
    "raw control characters": text('[null,null,"TOPIC","e\x01\x1b",{}]'),
    "half a surrogate pair in the event": text('[null,null,"TOPIC","\\udc00",{}]'),
    "a byte order mark": text('\ufeff[null,null,"TOPIC","e",{}]'),
    "rubbish behind the frame": text('[null,null,"TOPIC","e",{}]rubbish'),
    "two frames in one": text('[null,null,"TOPIC","e",{}][null,null,"TOPIC","e",{}]'),
    "a payload of nothing": text('[null,null,"TOPIC","e",]'),
    "a payload of half JSON": text('[null,null,"TOPIC","e",{"a":[1,]'),
    "a payload of NaN": text('[null,null,"TOPIC","e",{"a":NaN}]'),
    "a deep payload": text(f'[null,null,"TOPIC","e",{DEEP}]'),
    "a deep topic": text(f'[null,null,{DEEP},"e",{{}}]'),
    "many braces": text(f'[null,null,"TOPIC","e",{"{" * 50_000}'),
    "many keys": text('[null,null,"TOPIC","e",{' + ",".join(f'"k{n}":{n}' for n in range(6000)) + "}]"),
    "the same key many times": text(
        '[null,null,"TOPIC","e",{' + ",".join('"k":1' for _ in range(9000)) + "}]"
    ),
    "a number of ninety thousand digits": text(f'[null,null,"TOPIC","e",{"1" * 90_000}]'),
    "white space without end": text('[null,null,"TOPIC","e",' + " " * 90_000 + "{}]"),
    "a backslash at the end": text('[null,null,"TOPIC","e","\\'),
    "an array as binary": binary(b'[null,null,"room:a","e",{}]'),
    "an empty binary": binary(b""),
    "a binary push without a body": binary(b"\x00"),
    "a binary push whose sizes lie": binary(b"\x00\xff\xff\xffab"),
    "a binary reply whose sizes lie": binary(b"\x01\xff\xff\xff\xffab"),
    "a binary broadcast whose sizes lie": binary(b"\x02\xff\xffab"),
    "a binary broadcast of empty names": binary(b"\x02\x00\x00"),
    "a binary reply of empty names": binary(b"\x01\x00\x00\x00\x00"),
    "a binary reply of another status": binary(b"\x01\x01\x01\x06\x0212room:ano{}"),
    "a binary reply with a ref of letters": binary(b"\x01\x01\x02\x06\x021abroom:aok{}"),
    "a binary message of no kind": binary(b"\x09\x01\x01\x01\x01abcd"),
    "a binary message of kind 4": binary(b"\x04\x06\x01\x00\x01room:ae\x00"),
    "a binary topic that is no UTF-8": binary(b"\x02\x02\x01\xff\xfee\x00"),
    "a reply to no ref": message("phx_reply", {"status": "ok", "response": {}}),
    "a reply to a ref never sent": message("phx_reply", {"status": "ok", "response": {}}, ref="77"),
    "a reply of another join": message("phx_reply", {"status": "ok", "response": {}}, ref="2", join_ref="99"),
    "the reply to a join on another topic": message(
        "phx_reply", {"status": "ok", "response": {}}, topic="x", ref="1"
    ),
    "a message of another join": message("hello", {}, join_ref="99"),
    "a message of a topic nobody joined": message("hello", {}, topic="elsewhere"),
    "phx_join from the server": lambda p: [p.join_ref, p.ref, p.topic, "phx_join", {}],
    "phx_leave from the server": lambda p: [p.join_ref, p.ref, p.topic, "phx_leave", {}],
    "heartbeat from the server": message("heartbeat", topic="phoenix", ref="1"),
    "phx_close of another topic": message("phx_close", topic="elsewhere", join_ref="1", ref="1"),
    "phx_close of another join": message("phx_close", join_ref="99", ref="99"),
    "phx_close without a join": message("phx_close"),
    "phx_error of another topic": message("phx_error", topic="elsewhere", join_ref="1", ref="1"),
    "phx_error of another join": message("phx_error", join_ref="99", ref="99"),
    "phx_error without a join": message("phx_error"),
    "phx_error of phoenix": message("phx_error", topic="phoenix"),
    "phx_close of phoenix": message("phx_close", topic="phoenix"),
    "an event of phx_ nobody knows": message("phx_unheard_of"),
    "chan_reply": message("chan_reply_1", {"status": "ok", "response": {}}),
    "presence_state of null": message("presence_state", [None]),
    "presence_state of a list": message("presence_state", [1]),
    "presence_state without metas": message(
        "presence_state", {"u": {}, "v": None, "w": [], "x": {"metas": None}}
    ),
    "presence_state of odd metas": message(
        "presence_state", {"u": {"metas": [None, 1, {}, {"phx_ref": []}]}}
    ),
    "presence_diff of a list": message("presence_diff", []),
    "presence_diff without joins": message("presence_diff", {"leaves": {}}),
    "presence_diff of odd joins": message("presence_diff", {"joins": 1, "leaves": [["u"]]}),
    "presence_diff of odd metas": message(
        "presence_diff", {"joins": {"u": {"metas": {}}}, "leaves": {"u": "x"}}
    ),
    "presence_diff of leaves alone": message(
        "presence_diff", {"joins": {}, "leaves": {"nobody": {"metas": [{"phx_ref": "a"}]}}}
    ),
}
"""Sent behind the reply to a join."""

ANSWERS: dict[str, Answer] = {
    "a join is never answered": on("phx_join", lambda _: []),
    "a join is answered twice": on("phx_join", lambda p: [p.reply(), p.reply()]),
    "a join is answered with ok and error": on(
        "phx_join", lambda p: [*right(p), p.reply({"reason": "x"}, "error")]
    ),
    "a join is answered with error and ok": on(
        "phx_join", lambda p: [p.reply({"reason": "x"}, "error"), *right(p)]
    ),
    "a join is answered on another topic": on("phx_join", lambda p: [p.reply(topic="elsewhere")]),
    "a join is answered with another join_ref": on(
        "phx_join", lambda p: [["99", p.ref, p.topic, "phx_reply", {"status": "ok", "response": {}}]]
    ),
    "a join is answered without refs": on(
        "phx_join", lambda p: [[None, None, p.topic, "phx_reply", {"status": "ok", "response": {}}]]
    ),
    "a join is answered with phx_close": on(
        "phx_join", lambda p: [[p.join_ref, p.ref, p.topic, "phx_close", {}]]
    ),
    "a join is answered with phx_error": on(
        "phx_join", lambda p: [[p.join_ref, p.ref, p.topic, "phx_error", {}]]
    ),
    "a join is accepted and closed": after_join(lambda p: [p.join_ref, p.join_ref, p.topic, "phx_close", {}]),
    "a join is accepted and crashes": after_join(
        lambda p: [p.join_ref, p.join_ref, p.topic, "phx_error", {}]
    ),
    "a join is accepted and closed thrice": after_join(
        *[lambda p: [p.join_ref, p.join_ref, p.topic, "phx_close", {}]] * 3
    ),
    "a close of null": after_join(lambda p: [p.join_ref, p.join_ref, p.topic, "phx_close", None]),
    "a close of a deep payload": after_join(text(f'["JOIN_REF","JOIN_REF","TOPIC","phx_close",{DEEP}]')),
    "a crash of half JSON": after_join(text('["JOIN_REF","JOIN_REF","TOPIC","phx_error",{"a":')),
    "too many channels": on("phx_join", lambda p: [p.reply({"reason": "too many channels joined"}, "error")]),
    "stale": on("phx_join", lambda p: [p.reply({"reason": "stale"}, "error")]),
    "messages before the join": on(
        "phx_join", lambda p: [[None, None, p.topic, "early", {}]] * 50 + list(right(p))
    ),
    "a push is never answered": on("*", lambda _: []),
    "a push is answered twice": on("*", lambda p: [*right(p), *right(p)]),
    "a push is answered on another topic": on("*", lambda p: [p.reply(topic="elsewhere")]),
    "a push is answered with another join_ref": on(
        "*", lambda p: [["99", p.ref, p.topic, "phx_reply", {"status": "ok", "response": {}}]]
    ),
    "a push is answered with the next ref": on(
        "*",
        lambda p: [[p.join_ref, str(int(p.ref) + 1), p.topic, "phx_reply", {"status": "ok", "response": {}}]],
    ),
    "a push is answered with a crash": on(
        "*", lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_error", {}]]
    ),
    "a push is answered with a close": on(
        "*", lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_close", {}]]
    ),
    "a push comes back": on("*", lambda p: [[p.join_ref, p.ref, p.topic, p.event, p.payload]]),
    "a leave is never answered": on("phx_leave", lambda _: []),
    "a leave is refused": on("phx_leave", lambda p: [p.reply({"reason": "stay"}, "error")]),
    "a leave is closed alone": on(
        "phx_leave", lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_close", {}]]
    ),
    "a leave is answered by a crash": on(
        "phx_leave", lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_error", {}]]
    ),
    "a leave is answered by messages": on("phx_leave", lambda p: [[None, None, p.topic, "more", {}]] * 20),
    "a heartbeat is never answered": on("heartbeat", lambda _: []),
    "a heartbeat is refused": on("heartbeat", lambda p: [p.reply({"reason": "no"}, "error")]),
    "a heartbeat is answered with null": on("heartbeat", reply_with("null")),
    "a heartbeat is answered with half JSON": on("heartbeat", reply_with('{"status":')),
    "a heartbeat is answered twice": on("heartbeat", lambda p: [p.reply(), p.reply()]),
    "a heartbeat is answered with another ref": on(
        "heartbeat", lambda p: [[None, "0", p.topic, "phx_reply", {"status": "ok", "response": {}}]]
    ),
    "a heartbeat is answered with a crash": on(
        "heartbeat", lambda p: [[None, p.ref, "phoenix", "phx_error", {}]]
    ),
}

PROTOCOL_NOISE: dict[str, Answer] = {
    **ANSWERS,
    **{
        f"a join is answered with {name}": on("phx_join", reply_with(payload))
        for name, payload in REPLIES.items()
    },
    **{f"a push is answered with {name}": on("*", reply_with(payload)) for name, payload in REPLIES.items()},
    **{f"after the join {name}": after_join(make) for name, make in MESSAGES.items()},
}
