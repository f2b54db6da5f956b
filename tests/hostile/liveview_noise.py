"""LiveView pages, trees, diffs and navigations that no right server sends."""

from __future__ import annotations

from typing import Any

from tests.answering_server import Pushed
from tests.hostile.protocol_noise import Make, on
from tests.hostile.right_server import (
    PAGE,
    Answer,
    Frames,
    Serve,
    http,
    is_socket,
    path_of,
    right,
    serve_right,
)
from tests.transports.raw_server import Peer

TREE: dict[str, Any] = {"s": ['<button id="inc" phx-click="inc">', "</button>"], "0": "0"}
ELSEWHERE = "http://127.0.0.1:1/elsewhere"
NOT_HTTP = "javascript:alert(1)"


def page(body: str | bytes, status: str = "200 OK", headers: str = "") -> Serve:
    """This document, and a right socket."""

    async def serve(peer: Peer, request: bytes) -> None:
        if is_socket(request) or path_of(request).endswith("/longpoll"):
            return await serve_right(peer, request)
        peer.send(http(body, status, headers))
        return None

    return serve


def container(attributes: str, content: str = "") -> str:
    return f"<html><body><div {attributes}>{content}</div></body></html>"


def tree(**parts: Any) -> Make:
    """A join's answer with this tree; ``_1`` is the key 1."""
    return lambda p: [p.reply({"rendered": keyed(TREE | parts), "liveview_version": "1.1.33"})]


def keyed(parts: Any) -> Any:
    if isinstance(parts, dict):
        return {key.removeprefix("_"): keyed(value) for key, value in parts.items()}
    return parts


def only(rendered: Any) -> Make:
    return lambda p: [p.reply({"rendered": rendered, "liveview_version": "1.1.33"})]


def response(value: Any, status: str = "ok") -> Make:
    return lambda p: [p.reply(value, status)]


def diff(value: Any) -> Make:
    return response({"diff": value})


def told(event: str, payload: Any, times: int = 1) -> Make:
    """Messages before the reply."""
    return lambda p: [[p.join_ref, None, p.topic, event, payload]] * times + list(right(p))


def nested(depth: int) -> Any:
    """Trees within trees."""
    inner: Any = "x"
    for _ in range(depth):
        inner = {"0": inner, "s": ["<i>", "</i>"]}
    return inner


def view(view_id: str, parent: str = "phx-main") -> str:
    return (
        f'<div id="{view_id}" data-phx-session="s" data-phx-static="t" data-phx-parent-id="{parent}"></div>'
    )


_MAIN = 'id="phx-main" data-phx-main data-phx-session="s" data-phx-static="t"'

PAGES: dict[str, Serve] = {
    "empty": page(""),
    "no HTML": page("{}", headers="Content-Type: application/json\r\n"),
    "no view": page("<html><body><p>dead</p></body></html>"),
    "a view without an id": page(container('data-phx-main data-phx-session="s" data-phx-static="t"')),
    "a view with an empty id": page(
        container('id="" data-phx-main data-phx-session="s" data-phx-static="t"')
    ),
    "a view with a long id": page(container(f'id="{"i" * 70_000}" data-phx-main data-phx-session="s"')),
    "a view with an odd id": page(container('id="&#27;[31m&quot;\\" data-phx-main data-phx-session="s"')),
    "a view without a session": page(container('id="phx-main" data-phx-main')),
    "the same view twice": page(PAGE + PAGE),
    "a view in itself": page(container(_MAIN, view("phx-main", "phx-main"))),
    "views in a circle": page(container(_MAIN, view("a", "b") + view("b", "a"))),
    "a view of no parent": page(container(_MAIN, view("a", "nowhere"))),
    "a thousand views": page(
        container(_MAIN)
        + "".join(f'<div id="v{n}" data-phx-session="s" data-phx-static="t"></div>' for n in range(60))
    ),
    "deep": page("<div>" * 3000 + PAGE),
    "never closed": page("<html><body><div" * 500),
    "a socket on another host": page(
        f'<html phx-socket="{ELSEWHERE}"><body><div {_MAIN}></div></body></html>'
    ),
    "a socket of rubbish": page(f'<html phx-socket="\x01 /?#"><body><div {_MAIN}></div></body></html>'),
    "a charset of rubbish": page(PAGE, headers='Content-Type: text/html; charset="\x01"\r\n'),
    "a charset that is no text": page(PAGE, headers="Content-Type: text/html; charset=hex\r\n"),
    "a charset that cannot be read": page(PAGE, headers="Content-Type: text/html; charset=undefined\r\n"),
    "UTF-16 that is none": page(PAGE + "x", headers="Content-Type: text/html; charset=utf-16\r\n"),
    "gzip that is none": page(PAGE, headers="Content-Encoding: gzip\r\n"),
    "an encoding of rubbish": page(PAGE, headers="Content-Encoding: rubbish\r\n"),
    "no UTF-8": page(b"\xff\xfe" + PAGE.encode() + b"\xe4"),
    "zeros": page(bytes(5000)),
    "control characters": page(PAGE.replace("Page", "\x1b]0;owned\x07\x9b")),
    "a title that does not end": page("<title>" + "t" * 50_000),
    "500": page(PAGE, "500 Oh"),
}

TREES: dict[str, Make] = {
    "null": only(None),
    "a list": only([]),
    "a string": only("<p>"),
    "an empty object": only({}),
    "no rendered": response({}),
    "a response of null": lambda p: [
        p.reply(None) and [p.join_ref, p.ref, p.topic, "phx_reply", {"status": "ok"}]
    ],
    "a response of a list": response([1]),
    "statics of null": tree(s=None),
    "statics of a string": tree(s="<p>"),
    "statics of numbers": tree(s=[1, 2]),
    "statics too few": tree(s=[]),
    "statics too many": tree(s=["a"] * 50),
    "statics of no template": tree(s=7),
    "statics of a negative template": tree(s=-1),
    "statics of a huge template": tree(s=1 << 70),
    "templates of a list": tree(s=0, p=[["a"]]),
    "templates of rubbish": tree(s=0, p={"0": {"a": 1}, "x": []}),
    "a dynamic of null": tree(_0=None),
    "a dynamic of true": tree(_0=True),
    "a dynamic of a list": tree(_0=["a"]),
    "a dynamic of a float": tree(_0=1.5),
    "a negative dynamic": tree(**{"_-1": "x"}),
    "a dynamic beyond the statics": tree(_9999999="x"),
    "a dynamic of a huge number": tree(_99999999999999999999="x"),
    "an unknown key": tree(zzz=1),
    "a component nobody has": tree(_0=77),
    "a component that is itself": tree(_0=1, c={"1": {"s": ["", ""], "0": 1}}),
    "components in a circle": tree(_0=1, c={"1": {"s": ["", ""], "0": 2}, "2": {"s": ["", ""], "0": 1}}),
    "a component whose statics are its own": tree(_0=1, c={"1": {"s": 1}}),
    "components whose statics go round": tree(_0=1, c={"1": {"s": 2}, "2": {"s": 1}}),
    "a component whose statics nobody has": tree(_0=1, c={"1": {"s": -99}}),
    "components of null": tree(c=None),
    "components of a list": tree(c=[1, 2]),
    "a component of a string": tree(_0=1, c={"1": "x"}),
    "a component of letters": tree(_0=1, c={"x": {"s": ["a"]}}),
    "a component without statics": tree(_0=1, c={"1": {"0": "a"}}),
    "many components": tree(_0=1, c={str(n): {"s": ["<i>", "</i>"], "0": "x"} for n in range(1, 900)}),
    "components that double": tree(
        _0=1,
        c={str(n): {"s": ["", "", ""], "0": n + 1, "1": n + 1} for n in range(1, 60)} | {"60": {"s": ["x"]}},
    ),
    "a comprehension of null": tree(_0={"s": ["a"], "d": None}),
    "a comprehension of rows of null": tree(_0={"s": ["a", "b"], "d": [None]}),
    "a comprehension of short rows": tree(_0={"s": ["a", "b", "c"], "d": [[]]}),
    "a comprehension of long rows": tree(_0={"s": ["a", "b"], "d": [["x"] * 50]}),
    "a comprehension without a count": tree(_0={"s": ["a", "b"], "k": {"0": {"0": "x"}}}),
    "a comprehension of a huge count": tree(_0={"s": ["a", "b"], "k": {"kc": 1 << 60}}),
    "a comprehension of a negative count": tree(_0={"s": ["a", "b"], "k": {"kc": -1}}),
    "a comprehension of a moved row": tree(_0={"s": ["a", "b"], "k": {"0": 5, "kc": 1}}),
    "a comprehension of a moved row with a diff": tree(
        _0={"s": ["a", "b"], "k": {"0": [9, {"0": 1}], "kc": 1}}
    ),
    "a stream of null": tree(_0={"s": ["a", "b"], "d": [], "stream": None}),
    "a stream of rubbish": tree(_0={"s": ["a", "b"], "d": [], "stream": ["0", [[1, None, "x"]], {}, 7]}),
    "a stream of huge positions": tree(
        _0={"s": ["<i id='a'>", "</i>"], "d": [["x"]], "stream": ["0", [["a", 1 << 70, -(1 << 70)]], []]}
    ),
    "deep": only(nested(300)),
    "very deep": only(nested(900)),
    "long": tree(_0="x" * 90_000),
    "an event of null": tree(e=None),
    "an event of one element": tree(e=[["a"]]),
    "an event of ten": tree(e=[list(range(10))]),
    "an event without a name": tree(e=[[None, {}]]),
    "a title of null": tree(t=None),
    "a title of an object": tree(t={}),
    "a title of control characters": tree(t="\x1b]0;owned\x07"),
    "a root flag of rubbish": tree(r="x"),
    "script": tree(_0="</button><script>for(;;);</script>"),
    "half a tag": tree(_0="<div id='"),
    "the view itself": tree(_0=view("phx-main")),
    "a child that is never there": tree(_0=view("child")),
    "many children": tree(_0="".join(view(f"child-{n}") for n in range(30))),
    "a child in a child": lambda p: (
        [p.reply({"rendered": {"s": [view(p.topic[3:] + "c", p.topic[3:])]}})]
        if len(p.topic) < 40
        else right(p)
    ),
    "a version of rubbish": lambda p: [
        p.reply({"rendered": TREE, "liveview_version": "99999999999999999999.x.\x1b"})
    ],
    "a version of null": lambda p: [p.reply({"rendered": TREE, "liveview_version": None})],
    "a container of rubbish": lambda p: [p.reply({"rendered": TREE, "container": [1, None]})],
    "a live_patch of null": lambda p: [p.reply({"rendered": TREE, "live_patch": None})],
    "a live_patch of numbers": lambda p: [p.reply({"rendered": TREE, "live_patch": {"to": 1, "kind": 2}})],
}
"""What a join is answered with."""

JOINS: dict[str, Make] = {
    **{
        f"refused as {reason}": response({"reason": reason}, "error")
        for reason in ("stale", "unauthorized", "join crashed", "parent_redirect", "unheard of")
    },
    "refused as nothing": response(None, "error"),
    "refused as a list": response([], "error"),
    "refused as reload without a token": response({"reason": "reload"}, "error"),
    "refused as reload with an odd token": response({"reason": "reload", "token": "a;b\r\nc\x01"}, "error"),
    "redirected to itself": response({"redirect": {"to": "?again"}}, "error"),
    "redirected to another host": response({"redirect": {"to": ELSEWHERE}}, "error"),
    "redirected to no HTTP": response({"redirect": {"to": NOT_HTTP}}, "error"),
    "redirected to null": response({"redirect": {"to": None}}, "error"),
    "redirected to nothing": response({"redirect": {}}, "error"),
    "redirected to a list": response({"redirect": []}, "error"),
    "redirected with an odd flash": response({"redirect": {"to": "?", "flash": {"a": "\x01;\r\n"}}}, "error"),
    "live redirected to itself": response({"live_redirect": {"to": "?again", "kind": "push"}}, "error"),
    "live redirected to another host": response(
        {"live_redirect": {"to": ELSEWHERE, "kind": "push"}}, "error"
    ),
    "live redirected to null": response({"live_redirect": {"to": None, "kind": None}}, "error"),
    "live redirected as null": response({"live_redirect": None}, "error"),
    "crashed at once": lambda p: [*right(p), [p.join_ref, p.join_ref, p.topic, "phx_error", {}]],
    "closed at once": lambda p: [*right(p), [p.join_ref, p.join_ref, p.topic, "phx_close", {}]],
}

EVENTS: dict[str, Make] = {
    "a diff of null": diff(None),
    "a diff of a list": diff([]),
    "a diff of a string": diff("x"),
    "a diff of an unknown component": diff({"c": {"99": {"0": "x"}}}),
    "a diff of a component of null": diff({"c": {"1": None}}),
    "a diff whose statics nobody has": diff({"0": {"s": 5, "0": "x"}}),
    "a diff whose component is copied from nobody": diff({"0": 3, "c": {"3": {"s": -4}}}),
    "a diff of a component in a circle": diff({"0": 3, "c": {"3": {"s": ["", ""], "0": 3}}}),
    "a diff beyond the statics": diff({"7": "x"}),
    "a diff into a string": diff({"0": {"0": {"0": "x"}}}),
    "a diff of deep trees": diff({"0": nested(800)}),
    "a diff of moved rows of nothing": diff({"0": {"k": {"0": 3, "kc": 1}}}),
    "a diff of other statics": diff({"s": ["only"]}),
    "a diff of a stream of nothing": diff({"0": {"stream": ["0", [], ["x"], True]}}),
    "an event of rubbish": diff({"e": [None, 1, ["a", {}, {}, {}]]}),
    "a reply of rubbish": diff({"r": [[[]]]}),
    "a response of null": lambda p: [
        [p.join_ref, p.ref, p.topic, "phx_reply", {"status": "ok", "response": None}]
    ],
    "a response of a list": response([]),
    "an error": response({"reason": "no"}, "error"),
    "nothing at all": lambda _: [],
    "a crash": lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_error", {}]],
    "a close": lambda p: [[p.join_ref, p.join_ref, p.topic, "phx_close", {}]],
    "a redirect to itself": response({"redirect": {"to": "?again"}}),
    "a redirect to another host": response({"redirect": {"to": ELSEWHERE}}),
    "a redirect to no HTTP": response({"redirect": {"to": NOT_HTTP}}),
    "a redirect to a list": response({"redirect": {"to": []}}),
    "a live redirect to itself": response({"live_redirect": {"to": "?again", "kind": "replace"}}),
    "a live redirect to no HTTP": response({"live_redirect": {"to": NOT_HTTP, "kind": "push"}}),
    "a live redirect of null": response({"live_redirect": None}),
    "a live patch of null": told("live_patch", None),
    "a live patch of a list": told("live_patch", []),
    "a live patch to null": told("live_patch", {"to": None, "kind": "push"}),
    "a live patch to another host": told("live_patch", {"to": ELSEWHERE, "kind": "push"}),
    "a live patch of no kind": told("live_patch", {"to": "?a", "kind": "sideways"}),
    "a thousand live patches": told("live_patch", {"to": "?a", "kind": "push"}, 1000),
    "a thousand diffs": told("diff", {"0": "x"}, 1000),
    "a diff told of null": told("diff", None),
    "a diff told of a list": told("diff", [[]]),
    "a redirect told": told("redirect", {"to": "?again"}),
    "a redirect told of null": told("redirect", None),
    "a thousand redirects told": told("redirect", {"to": "?again"}, 1000),
    "a live redirect told of null": told("live_redirect", None),
    "a live redirect told": told("live_redirect", {"to": "?again", "kind": "push"}),
    "an event nobody knows": told("unheard_of", {"a": 1}),
    "a reload told": told("assets_change", {"reloader": 1}),
    "js of rubbish": told("phx_exec", [["exec"]]),
}
"""What a click is answered with."""


def for_views(event: str, make: Make) -> Answer:
    """Only for the topics of LiveView."""
    answer = on(event, make)

    def of_view(pushed: Pushed) -> Frames | None:
        return answer(pushed) if pushed.topic.startswith("lv:") else None

    return of_view


def patching_for_ever(pushed: Pushed) -> Frames | None:
    """Each answer asks for a patch to another place."""
    if pushed.event in ("event", "live_patch"):
        patch = {"to": f"?page={pushed.ref}", "kind": "push"}
        return [[pushed.join_ref, None, pushed.topic, "live_patch", patch], *right(pushed)]
    return None


def linking_for_ever(pushed: Pushed) -> Frames | None:
    """Each view is another one's."""
    if pushed.event in ("event", "phx_join") and pushed.topic.startswith("lv:"):
        moved = {"live_redirect": {"to": f"?page={pushed.ref}", "kind": "push"}}
        return [pushed.reply(moved, "ok" if pushed.event == "event" else "error")]
    return None


LIVEVIEW_NOISE: dict[str, Answer] = {
    **{f"joined to {name}": for_views("phx_join", make) for name, make in TREES.items()},
    **{f"join {name}": for_views("phx_join", make) for name, make in JOINS.items()},
    **{f"clicked for {name}": for_views("event", make) for name, make in EVENTS.items()},
    "patching for ever": patching_for_ever,
    "linking for ever": linking_for_ever,
}
