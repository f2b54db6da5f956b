"""What the commands of JS do, and what is said of those that are none."""

from __future__ import annotations

import pytest

from fastphx.liveview.errors import ElementError
from fastphx.liveview.outgoing import Follow, Lasting, Noted
from tests.liveview.pieces import COMPONENTS, clicked, events_of, js, payloads


def test_the_values_of_pushes_in_one_action_add_up_from_1_0() -> None:
    commands = js(["push", {"event": "e", "value": {"a": 1}}], ["push", {"value": {"b": 2}, "event": "f"}])
    html = f'<button id=x phx-click="{commands}">'
    assert [each["value"] for each in payloads(clicked(html))] == [
        {"value": "", "a": 1},
        {"value": "", "a": 1, "b": 2},
    ]
    assert [each["value"] for each in payloads(clicked(html, version=(0, 20, 17)))] == [
        {"value": "", "a": 1},
        {"value": "", "b": 2},
    ]


def test_a_push_may_name_its_target_event_and_values_in_a_form() -> None:
    push = [
        "push",
        {"event": "e", "target": "#c2", "value": {"v": [1]}, "loading": "#c1", "page_loading": True},
    ]
    html = f'{COMPONENTS}<form phx-change="{js(push)}" phx-submit="{js(push)}"><input name=a></form></div>'
    events = events_of(html)
    form = events.document.find("form")
    assert payloads(events.change(form, {"a": "1"})) == [
        {
            "type": "form",
            "event": "e",
            "value": "a=1",
            "meta": {"_target": "a", "v": [1]},
            "uploads": {},
            "cid": 2,
        }
    ]
    # A submit goes to a component only if the form itself has a phx-target.
    assert payloads(events.submit(form)) == [
        {"type": "form", "event": "e", "value": "a=1", "meta": {"v": [1]}}
    ]


def test_commands_that_stay_are_told_by_what_they_change() -> None:
    commands = js(
        ["add_class", {"names": ["a", "b"], "to": "#box"}],
        ["remove_class", {"names": ["b", "zz"], "to": "#box"}],
        ["toggle_class", {"names": ["c", "d"], "to": {"inner": "i"}}],
        ["set_attr", {"attr": ["k", "1"], "to": {"closest": "div"}}],
        ["toggle_attr", {"attr": ["k", "1", "2"], "to": {"closest": "div"}}],
        ["toggle_attr", {"attr": ["open", "yes"]}],
        ["toggle_attr", {"attr": ["open", "yes"]}],
        ["remove_attr", {"attr": "k"}],
        ["add_class", {"names": ["e"], "transition": [["run"], ["start"], ["end"]]}],
        ["show", {"to": "#box", "time": 5}],
        ["add_class", {"names": ["x"], "to": "#nobody"}],
    )
    html = f'<div><p id=box class=a></p><b id=x phx-click="{commands}"><i class="c"></i></b></div>'
    told = [
        (each.element.tag, each.operation, each.names) if isinstance(each, Lasting) else each.command
        for each in clicked(html)
        if isinstance(each, (Lasting, Noted))
    ]
    assert told == [
        ("p", "add_class", ("b",)),
        ("p", "remove_class", ("b",)),
        ("i", "remove_class", ("c",)),
        ("i", "add_class", ("d",)),
        ("div", "set_attr", ("k", "1")),
        ("div", "set_attr", ("k", "2")),
        ("b", "set_attr", ("open", "yes")),
        ("b", "remove_attr", ("open",)),
        ("b", "remove_attr", ("k",)),
        ("b", "add_class", ("e", "end")),
        "show",
    ]


def test_exec_runs_the_commands_of_another_element() -> None:
    inner = js(["push", {"event": "e"}], ["navigate", {"href": "/n", "replace": True}])
    html = (
        f'<p id=other phx-value-a=1 data-run="{inner}"></p>'
        f'<button id=x phx-value-b=2 phx-click="{js(["exec", {"attr": "data-run", "to": "#other"}])}">'
    )
    sent = clicked(html)
    assert payloads(sent) == [{"type": "click", "event": "e", "value": {"a": "1"}}]
    assert sent[-1] == Follow("navigate", "/n", True)
    with pytest.raises(ElementError, match="has no JS commands in 'data-run'"):
        clicked(html.replace("data-run=", "data-walk="))


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ("[", "has JS commands that are no JSON: '\\['"),
        ("[[[[", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "has a JS command that is none: 1"),
        ('[["push"]]', "is none"),
        ('[["push", 1]]', "is none"),
        ("[[null, {}]]", "is none"),
        ('[["push", {"value": "x"}]]', "is none"),
        ('[["push", {"target": {}, "event": "e", "value": [1]}]]', "is none"),
        ('[["push", {"target": ["x"]}]]', "no selector and no component"),
        ('[["patch", {}]]', "is none"),
        ('[["patch", {"href": 1}]]', "is none"),
        ('[["add_class", {"names": [1]}]]', "is none"),
        ('[["add_class", {"names": ["a"], "transition": [["b"]]}]]', "is none"),
        ('[["set_attr", {"attr": ["a"]}]]', "is none"),
        ('[["toggle_attr", {"attr": [1, 2]}]]', "is none"),
        ('[["exec", {"attr": "phx-click"}]]', "run each other without an end"),
        ('[["show", {"to": 1}]]', "for no element: 1"),
        ('[["show", {"to": "("}]]', "no CSS selector"),
        ('[["show", {"to": {"closest": 1}}]]', "for no element"),
        ("[" + ",".join(['["show", {}]'] * 1001) + "]", "no list of at most 1000"),
        ("[" + ",".join(['["show", {"to": "i"}]'] * 501) + "]", "are more than 1000"),
    ],
)
def test_commands_that_are_none(commands: str, told: str) -> None:
    html = "<button id=x phx-click='{}'><i></i><i></i></button>".format(commands.replace("'", "&#39;"))
    with pytest.raises(ElementError, match=told) as error:
        clicked(html)
    assert len(str(error.value)) < 600
    assert str(error.value).isprintable()


def test_one_action_sends_a_bounded_number_of_events() -> None:
    html = f'<button id=x phx-click="{js(*[["push", {"event": "e", "target": "i"}]] * 2)}">{"<i></i>" * 600}'
    with pytest.raises(ElementError, match="one action would send 1200 events, and may send 1000"):
        clicked(html)
