"""What an action sends, where the recordings do not show it."""

from __future__ import annotations

from typing import Any

import pytest

from fastphx.liveview.document import Document
from fastphx.liveview.errors import ElementError, UploadError
from fastphx.liveview.events import Events
from fastphx.liveview.forms import ChosenFile, Forms, LiveForms
from fastphx.liveview.outgoing import Follow, Noted, Outgoing, Push, Request
from fastphx.liveview.version import Version
from tests.liveview.pieces import COMPONENTS, LATEST, clicked, events_of, js, payloads


def values_of(html: str) -> Any:
    return payloads(clicked(html))[0]["value"]


# -- clicks


@pytest.mark.parametrize(
    ("html", "value"),
    [
        ("<button id=x phx-click=e>", {"value": ""}),
        ("<button id=x phx-click=e value=v phx-value-a=1 phx-value-value=w>", {"a": "1", "value": "v"}),
        ("<div id=x phx-click=e phx-value-a-b='\"\n<'>", {"a-b": '"\n<'}),
        ("<div id=x phx-click=e value=v>", {}),
        ("<a id=x href='#' phx-click=e>", {}),
        ("<li id=x phx-click=e>", {"value": 0}),
        ("<li id=x phx-click=e value=7>", {"value": 7}),
        ("<progress id=x phx-click=e value=1e999>", {"value": 0}),
        ("<meter id=x phx-click=e value=0.5>", {"value": 0.5}),
        ("<option id=x phx-click=e> a  b </option>", {"value": "a b"}),
        ("<input id=x phx-click=e type=checkbox value=v>", {"value": "v"}),
        ("<input id=x phx-click=e type=checkbox value=v checked>", {}),
        ("<input id=x phx-click=e type=checkbox phx-value-value=w checked>", {}),
        ("<input id=x phx-click=e type=radio>", {"value": "on"}),
        ("<select id=x phx-click=e><option value=1><option selected value=2></select>", {"value": "2"}),
        ("<textarea id=x phx-click=e>\nt</textarea>", {"value": "t"}),
    ],
)
def test_the_values_of_a_click(html: str, value: Any) -> None:
    assert values_of(html) == value


def test_a_click_goes_to_what_is_around_but_not_out_of_the_view() -> None:
    assert payloads(clicked("<div phx-click=e><p><b id=x></b></p></div>"))[0]["event"] == "e"
    with pytest.raises(ElementError, match="<b id='x'> has no phx-click, and nothing that can be clicked"):
        clicked("<div phx-click=e><div id=v data-phx-session=s><b id=x></b></div></div>")


def test_a_disabled_binding_is_passed_by() -> None:
    html = "<div phx-click=e><fieldset disabled phx-click=f><b id=x></b></fieldset></div>"
    assert payloads(clicked(html))[0]["event"] == "e"


def test_what_is_disabled_is_not_clicked() -> None:
    with pytest.raises(ElementError, match="<button phx-click='e' disabled=''> is disabled"):
        clicked("<button phx-click=e disabled><b id=x></b></button>")
    with pytest.raises(
        ElementError, match="<button id='x' phx-click='e'> is disabled, and cannot be clicked"
    ):
        clicked("<fieldset disabled><button id=x phx-click=e></button></fieldset>")


def test_an_element_without_a_binding_is_told_with_those_that_have_one() -> None:
    with pytest.raises(ElementError) as told:
        clicked("<p id=x>save</p><button phx-click=save>Save it</button><button phx-click=drop>Drop</button>")
    assert str(told.value) == (
        "<p id='x'> 'save' has no phx-click, and nothing that can be clicked; "
        "near it: <button phx-click='save'> 'Save it', <button phx-click='drop'> 'Drop'"
    )
    with pytest.raises(ElementError, match=r"send its event by hook_event$"):
        clicked("<div phx-hook=H id=h><p id=x></p></div>")


@pytest.mark.parametrize(
    ("html", "sent"),
    [
        ("<a id=x href=/a data-phx-link=patch data-phx-link-state=push>", [Follow("patch", "/a")]),
        (
            "<a href=/a data-phx-link=redirect data-phx-link-state=replace><b id=x></b></a>",
            [Follow("navigate", "/a", True)],
        ),
        ("<a id=x href=/a>", [Follow("href", "/a")]),
        ("<a href=https://other/><svg><path id=x /></svg></a>", [Follow("href", "https://other/")]),
        (
            "<a id=x href='#' data-method=delete data-to=/out data-csrf=t>",
            [Request("post", "/out", [("_csrf_token", "t"), ("_method", "delete")])],
        ),
        (
            "<form action=/s method=get><input name=a value=1><button id=x>",
            [Request("get", "/s", [("a", "1")])],
        ),
        (
            "<form method=POST enctype=multipart/form-data><button id=x formaction=/t name=b>",
            [Request("post", "/t", [("b", "")], "multipart/form-data")],
        ),
        ("<form><button id=x formmethod=dialog>", []),
        ("<a id=x href='#there'>", []),
    ],
)
def test_links_and_forms_without_events(html: str, sent: list[Outgoing]) -> None:
    assert clicked(html) == sent


def test_a_live_link_runs_its_commands_after_it() -> None:
    html = f'<a id=x href=/a data-phx-link=patch phx-click="{js(["push", {"event": "e"}])}">'
    sent = clicked(html)
    assert sent[0] == Follow("patch", "/a")
    assert payloads(sent) == [{"type": "click", "event": "e", "value": {}}]


def test_a_label_clicks_its_control() -> None:
    html = "<form phx-change=c><label id=x>a <input type=checkbox name=b></label></form>"
    assert payloads(clicked(html))[0]["value"] == "b=on"
    html = "<label id=x for=i>a</label><form phx-change=c><input id=i type=checkbox name=b checked></form>"
    assert payloads(clicked(html))[0]["value"] == ""


def test_a_box_sends_its_click_and_then_its_change() -> None:
    html = "<form phx-change=c><input id=x type=checkbox name=b phx-click=e></form>"
    assert [each["event"] for each in payloads(clicked(html))] == ["e", "c"]
    html = "<form phx-change=c><input id=x type=radio name=b phx-click=e checked></form>"
    assert [each["event"] for each in payloads(clicked(html))] == ["e"]


def test_a_reset_button_sets_its_form_back() -> None:
    events = events_of("<form phx-change=c><input id=a name=a value=1><button type=reset id=x></form>")
    events.change(events.document.find("#a"), "2")
    sent = payloads(events.click(events.document.find("#x")))
    assert sent[0]["value"] == "_unused_a=&a=1"
    assert sent[0]["meta"] == {"_target": "undefined"}


def test_a_click_away_is_noted() -> None:
    html = "<p id=away phx-click-away=e></p><p phx-click-away=f><b id=x phx-click=g></b></p>"
    sent = clicked(html)
    assert [(each.element.id, each.command) for each in sent if isinstance(each, Noted)] == [
        ("away", "click-away")
    ]
    assert [each["event"] for each in payloads(sent)] == ["g"]


# -- where events go


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("1", [("v", 1)]),
        ("0", [("v", 0)]),
        ("#c2", [("v", 2)]),
        (".c", [("v", 1), ("v", 2)]),
        (".in", [("v", 1)]),
        ("#none", [("v", None)]),
        ("#c3", [("w", 1)]),
        ("#deep", [("w", 1)]),
        ("#flat", [("w", None)]),
        ("", [("v", None)]),
    ],
)
def test_targets(target: str, expected: list[Any]) -> None:
    html = f'{COMPONENTS}<button id="x" phx-click="e" phx-target="{target}"></button></div>'
    sent = [each for each in clicked(html) if isinstance(each, Push)]
    assert [(each.view_id, each.payload.get("cid")) for each in sent] == expected


def test_a_target_that_is_not_there_is_an_error() -> None:
    with pytest.raises(
        ElementError, match="nothing on the page matches '#gone', the target of <button id='x'"
    ):
        clicked("<button id=x phx-click=e phx-target='#gone'></button>")
    with pytest.raises(ElementError, match="'01' is no CSS selector"):
        clicked("<button id=x phx-click=e phx-target='01'></button>")


def test_a_component_of_another_view_is_none_of_the_targets() -> None:
    html = (
        '<div id="v" data-phx-session="s"><p data-phx-component="1"></p><div data-phx-component="2">'
        '<div id="w" data-phx-session="s"><i></i></div></div><b id=x phx-click=e phx-target=i></b></div>'
    )
    assert clicked(html) == [Push("w", {"type": "click", "event": "e", "value": {}})]


def test_what_a_portal_moved_goes_to_the_component_of_its_portal() -> None:
    html = (
        '<div id="v" data-phx-session="s"><p id="goal"></p><div data-phx-component="4">'
        '<template id="p" data-phx-portal="#goal"><b id="x" phx-click="e" phx-target="#x"></b></template>'
        "</div></div>"
    )
    (sent,) = clicked(html)
    assert isinstance(sent, Push)
    assert (sent.view_id, sent.payload["cid"]) == ("v", 4)


def test_portals_that_lead_to_each_other_lead_to_no_component() -> None:
    html = (
        "<p id=s data-phx-teleported-src=t></p><p id=t data-phx-teleported-src=s>"
        "<b id=x phx-click=e phx-target=b></b></p>"
    )
    assert payloads(clicked(html)) == [{"type": "click", "event": "e", "value": {}}]


def test_a_change_goes_to_a_component_only_if_the_form_has_a_target() -> None:
    for form, field, expected in (
        ("", "", None),
        ("phx-target=9", "", 9),
        ("phx-target='#c2'", "", 2),
        ("", "phx-change=f phx-target='#c2'", None),
        ("", "phx-change=f phx-target=9", 9),
        ("phx-target=9", "phx-change=f", 9),
        ("phx-target='#c2'", "phx-change=f phx-target='#c1'", 1),
    ):
        events = events_of(f"{COMPONENTS}<form phx-change=c {form}><input id=x name=a {field}></form></div>")
        sent = payloads(events.change(events.document.find("#x"), "1"))
        assert [each.get("cid") for each in sent] == [expected], (form, field)


# -- keys and focus


def test_keys_reach_the_element_or_the_windows() -> None:
    html = (
        "<input id=x phx-keydown=e phx-key=enter value=v><input id=y>"
        "<p phx-window-keydown=w phx-key=Escape></p><p phx-window-keydown=all></p>"
    )
    events = events_of(html)
    x, y = events.document.select("input")
    assert payloads(events.keydown(x, "Enter")) == [
        {"type": "keydown", "event": "e", "value": {"key": "Enter", "value": "v"}}
    ]
    assert events.keydown(x, "a") == []
    for element in (y, None):
        assert [each["event"] for each in payloads(events.keydown(element, "Escape"))] == ["w", "all"]
        assert [each["event"] for each in payloads(events.keydown(element, "b"))] == ["all"]
    with pytest.raises(ElementError, match="nothing on the page has phx-window-keyup"):
        events.keyup(None, "a")
    with pytest.raises(ElementError, match="has no phx-keyup"):
        events.keyup(x, "a")


def test_the_focus_leaves_one_element_for_the_next() -> None:
    events = events_of("<input id=a phx-blur=out><input id=b phx-focus=in><button id=c phx-click=go>")
    a, b, c = events.document.select("[id]")
    assert events.focus(a) == []
    assert events.focus(a) == []
    assert [(each["type"], each["event"]) for each in payloads(events.focus(b))] == [
        ("blur", "out"),
        ("focus", "in"),
    ]
    assert [each["event"] for each in payloads(events.blur(a))] == ["out"]
    events.focus(a)
    assert [each["event"] for each in payloads(events.click(c))] == ["out", "go"]
    assert events.blur() == []


def test_pressing_a_key_types_and_enter_submits() -> None:
    events = events_of(
        "<form phx-change=c phx-submit=s><input id=x name=a phx-keydown=d phx-keyup=u>"
        "<button name=b value=1></form>"
    )
    sent = payloads(events.press(events.document.find("#x"), "k"))
    assert [each["event"] for each in sent] == ["d", "c", "u"]
    assert [each["value"] for each in sent] == [{"key": "k", "value": ""}, "a=k", {"key": "k", "value": "k"}]
    sent = payloads(events.press(None, "Enter"))
    assert [each["event"] for each in sent] == ["d", "s", "u"]
    assert sent[1]["value"] == "a=k&b=1"


# -- forms


def changed(
    html: str, value: Any, version: Version | None = LATEST, selector: str = "form"
) -> list[dict[str, Any]]:
    events = events_of(html, version)
    return payloads(events.change(events.document.find(selector), value))


def test_where_the_target_field_goes_is_a_matter_of_the_version() -> None:
    html = "<form phx-change=c phx-submit=s phx-value-k=v><input name='a[b]'></form>"
    for version, value, meta in (
        (None, "a%5Bb%5D=1&_target=a%5Bb%5D&k=v", None),
        (Version(0, 20, 17), "a%5Bb%5D=1&_target=a%5Bb%5D&k=v", None),
        (Version(1, 0, 5), "a%5Bb%5D=1&_target=a%5Bb%5D&k=v", None),
        (Version(1, 0, 6), "a%5Bb%5D=1", {"_target": "a[b]", "k": "v"}),
    ):
        (sent,) = changed(html, {"a[b]": 1}, version)
        assert (sent["value"], sent.get("meta"), sent["uploads"]) == (value, meta, {})
        events = events_of(html, version)
        (sent,) = payloads(events.submit(events.document.find("form")))
        assert (sent["value"], sent.get("meta"), "uploads" in sent) == (
            ("a%5Bb%5D=", {"k": "v"}, False) if meta else ("a%5Bb%5D=&k=v", None, False)
        )


def test_fields_are_filled_in_one_after_the_other() -> None:
    html = (
        "<form phx-change=c><input name=a><select name=s><option>1<option>2</select>"
        "<select name=m multiple><option>1<option>2<option>3</select><textarea name=t></textarea></form>"
    )
    sent = changed(html, {"t": "x\r\ny", "m": ["3", "1"], "s": 2, "a": 1.5}, Version(0, 20, 0))
    assert [each["value"] for each in sent] == [
        "a=&s=1&t=x%0Ay&_target=t",
        "a=&s=1&m=1&m=3&t=x%0Ay&_target=m",
        "a=&s=2&m=1&m=3&t=x%0Ay&_target=s",
        "a=1.5&s=2&m=1&m=3&t=x%0Ay&_target=a",
    ]
    assert changed(html, {"s": "1"}) == []


BOXES = (
    "<form phx-change=c><input type=hidden name=on value=false><input type=checkbox name=on value=true>"
    "<input type=checkbox name='l[]' value=1><input type=checkbox name='l[]' value=2 checked>"
    "<input type=radio name=r value=1 checked><input type=radio name=r value=2></form>"
)


@pytest.mark.parametrize(
    ("values", "sent"),
    [
        ({"on": True}, "on=false&on=true&l%5B%5D=2&r=1"),
        ({"on": "true"}, "on=false&on=true&l%5B%5D=2&r=1"),
        ({"on": False}, None),
        ({"on": "false"}, None),
        ({"l[]": ["1"]}, "on=false&l%5B%5D=1&r=1"),
        ({"l[]": []}, "on=false&r=1"),
        ({"l[]": "1"}, "on=false&l%5B%5D=1&l%5B%5D=2&r=1"),
        ({"r": "2"}, "on=false&l%5B%5D=2&r=2"),
        ({"r": 1}, None),
    ],
)
def test_boxes_are_checked_by_their_values(values: Any, sent: str | None) -> None:
    said = changed(BOXES, values, Version(0, 20, 0))
    assert (said[-1]["value"].partition("&_target")[0] if said else None) == sent


@pytest.mark.parametrize(
    ("html", "value", "told"),
    [
        (BOXES, {"r": "3"}, "has no value '3'; there is '1', '2'"),
        (BOXES, {"on": "maybe"}, "has no value 'maybe'; there is 'true'"),
        (BOXES, {"nope": "1"}, r"<form phx-change='c'> has no field 'nope'; it has 'on', 'l\[\]', 'r'"),
        ("<form><input name=a disabled></form>", {"a": "1"}, "is disabled, and cannot be changed"),
        ("<form><input name=a readonly></form>", {"a": "1"}, "is read-only"),
        ("<form><input name=a type=file></form>", {"a": "1"}, "takes files: upload them"),
        ("<form><input name=a type=number></form>", {"a": "x"}, "'x' is no number"),
        ("<form><input name=a></form>", {"a": True}, "takes a text, not 'True'"),
        ("<form><input name=a></form>", {"a": ["x"]}, "takes a text, not"),
        ("<form><button name=a></form>", {"a": "x"}, "is no field that a person fills in"),
        ("<form></form>", "x", "is no field: give the values of a form by name"),
    ],
)
def test_what_cannot_be_filled_in(html: str, value: Any, told: str) -> None:
    with pytest.raises(ElementError, match=told):
        changed(html, value)


def test_an_input_with_a_change_of_its_own_sends_itself() -> None:
    html = "<form phx-change=c><input name=a><input id=x name=b phx-change=own></form>"
    (sent,) = changed(html, "1", selector="#x")
    assert (sent["event"], sent["value"]) == ("own", "b=1")
    with pytest.raises(ElementError, match="has phx-change, and stands in no form"):
        changed("<input id=x name=b phx-change=own>", "1", selector="#x")


def test_a_form_without_a_change_sends_nothing_and_keeps_what_is_typed() -> None:
    events = events_of("<form phx-submit=s><input name=a></form>")
    form = events.document.find("form")
    assert events.change(form, {"a": "1"}) == []
    assert payloads(events.submit(form)) == [{"type": "form", "event": "s", "value": "a=1", "meta": {}}]


def test_who_submits_a_form() -> None:
    html = (
        "<form id=f phx-submit=s><input name=a><button id=one name=b value=1 phx-disable-with=Wait>"
        "<button id=two name=b value=2></form><button id=far form=f name=b value=3><button id=no type=button>"
    )
    events = events_of(html)
    form = events.document.find("form")
    for element, submitter, value in (
        (form, None, "a=&b=1"),
        (events.document.find("#two"), None, "a=&b=2"),
        (form, events.document.find("#far"), "a=&b=3"),
        (events.document.find("input"), None, "a=&b=1"),
    ):
        sent = events.submit(element, submitter)
        assert payloads(sent)[0]["value"] == value
        assert [each.command for each in sent if isinstance(each, Noted)] == ["disable-with"]
    with pytest.raises(ElementError, match="<button id='no' type='button'> does not submit <form id='f'"):
        events.submit(form, events.document.find("#no"))
    with pytest.raises(ElementError, match="has no phx-submit, and nothing that is a form, or in one"):
        events.submit(events.document.find("#no"))
    with pytest.raises(ElementError, match="is disabled"):
        events_of("<form phx-submit=s><button disabled></form>").submit(
            Document("<form><button disabled>").find("form")
        )


def test_a_triggered_form_goes_with_the_button_that_submitted_it() -> None:
    html = "<form id=f phx-submit=s action=/go method=post><input name=a><button id=b name=b value=2></form>"
    live = LiveForms()
    events = Events(Document(html), live, LATEST)
    events.submit(events.document.find("#b"))
    after = Events(Document(html.replace("<form", "<form phx-trigger-action")), live, LATEST)
    assert after.triggered() == [Request("post", "/go", [("a", ""), ("b", "2")])]
    assert Events(after.document, live, Version(1, 0, 12)).triggered() == [
        Request("post", "/go", [("a", "")])
    ]
    assert events.triggered() == []


def test_forms_are_recovered_unless_they_say_otherwise() -> None:
    def page(value: str) -> str:
        return "".join(
            f"<form id={name} {binding}><input type=hidden name=h><input name=a value='{value}'></form>"
            for name, binding in (
                ("one", "phx-change=c"),
                ("two", "phx-change=c phx-auto-recover=r"),
                ("three", "phx-change=c phx-auto-recover=ignore"),
                ("four", ""),
                ("", "phx-change=c"),
            )
        )

    live = LiveForms()
    before = Events(Document(page("") + "<form id=empty phx-change=c></form>"), live, Version(1, 0, 0))
    before.change(before.document.find("#one"), {"a": "typed"})
    after = Events(Document(page("new") + "<form id=empty phx-change=c></form>"), live, Version(1, 0, 0))
    assert [(each["event"], each["value"]) for each in payloads(after.recovered(before.forms))] == [
        ("c", "h=&a=typed&_target=a"),
        ("r", "h=&_unused_a=&a=&_target=a"),
    ]


def test_chosen_files_are_told_as_they_are_given() -> None:
    events = events_of("<form phx-change=c><input type=file name=f data-phx-upload-ref=r></form>")
    uploads = {"r": [{"ref": "0", "name": "a.txt"}]}
    (sent,) = payloads(events.files_chosen(events.document.find("input"), uploads))
    assert (sent["value"], sent["meta"], sent["uploads"]) == ("", {"_target": "f"}, uploads)


# -- events that are no person's


def test_what_is_mounted_runs_once() -> None:
    binding = f'phx-mounted="{js(["push", {"event": "m"}])}"'
    before = Document(f"<p id=a {binding}></p><p {binding}></p>")
    after = events_of(
        f"<p id=a {binding}></p><p {binding}></p><p {binding}></p><p id=b {binding}></p><p phx-mounted=x>"
    )
    assert len(after.mounted()) == 4
    assert (
        payloads(after.mounted(Forms(before, LiveForms()))) == [{"type": None, "event": "m", "value": {}}] * 2
    )


def test_a_file_that_a_form_would_send_by_http_is_refused() -> None:
    events = events_of("<form id=x method=post enctype=multipart/form-data><input type=file name=f></form>")
    form = events.document.find("form")
    assert events.submit(form, None) == [Request("post", "", [("f", "")], "multipart/form-data")]
    events.forms.choose(events.document.find("input"), [ChosenFile("a.txt", 3)])
    with pytest.raises(UploadError, match=r"would send 'a\.txt', its 'f', by HTTP"):
        events.submit(form, None)
