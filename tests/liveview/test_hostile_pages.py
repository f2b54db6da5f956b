"""Hostile pages: whatever they say, an action sends something, or ends in an error of ours."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from fastphx.errors import FastphxError
from fastphx.liveview.document import Document
from fastphx.liveview.errors import ElementError, ViewError
from fastphx.liveview.events import Events
from fastphx.liveview.forms import LiveForms
from fastphx.liveview.outgoing import Outgoing
from fastphx.liveview.page import Page
from fastphx.liveview.version import Version

TAGS = (
    *("div", "p", "form", "input", "button", "select", "option", "optgroup", "textarea", "label", "a"),
    *("li", "fieldset", "legend", "template", "table", "tr", "td", "svg", "datalist", "progress", "output"),
)
NAMES = (
    *("id", "name", "value", "type", "form", "for", "href", "disabled", "checked", "selected", "multiple"),
    *("readonly", "size", "dirname", "class", "tabindex", "data-method", "data-to", "phx-auto-recover"),
    *("phx-click", "phx-change", "phx-submit", "phx-target", "phx-keydown", "phx-window-keydown", "phx-key"),
    *("phx-focus", "phx-blur", "phx-mounted", "phx-value-a", "phx-click-away", "phx-trigger-action"),
    *("data-phx-session", "data-phx-component", "data-phx-portal", "data-phx-link", "phx-hook"),
    *("data-phx-teleported", "data-phx-teleported-src"),
)
VALUES = (
    *("", "a", "b", "1", "-1", "1e999", "99999999999999999999", "#a", "[", "(", "#", "é", "\x00", "\ud800"),
    *("radio", "checkbox", "hidden", "file", "number", "submit", "image", "reset", "ignore", "patch"),
    "a\n\"'<>&",
    '[["push",{"event":"e","value":{"a":1},"target":"p"}],["exec",{"attr":"phx-click"}]]',
    '[["toggle_class",{"names":["a"],"to":"div"}],["set_attr",{"attr":["a",1]}],["patch",{"href":"/"}]]',
    '[["push",{"event":null,"target":-1}],["toggle_attr",{"attr":["id","b"],"to":{"closest":"form"}}]]',
)


def random_html(random_: random.Random) -> str:
    parts = []
    for _ in range(random_.randrange(1, 40)):
        if random_.random() < 0.3:
            parts.append(random_.choice((f"</{random_.choice(TAGS)}>", "text", "<!-- ", "<", "\r\n")))
            continue
        attributes = "".join(
            f' {random_.choice(NAMES)}="{random_.choice(VALUES).replace(chr(34), "&quot;")}"'
            for _ in range(random_.randrange(6))
        )
        parts.append(f"<{random_.choice(TAGS)}{attributes}>")
    return "".join(parts)


def attempt(action: Callable[[], object]) -> list[Outgoing]:
    told = ""
    sent: object = None
    try:
        sent = action()
    except FastphxError as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 2000
    return sent if isinstance(sent, list) else []


@pytest.mark.parametrize("seed", range(40))
def test_nothing_but_errors_of_ours_escapes(seed: int) -> None:
    random_ = random.Random(seed)
    live = LiveForms()
    sent = 0
    before = None
    for _ in range(10):
        document = Document(random_html(random_))
        events = Events(document, live, random_.choice((None, Version(1, 0, 0), Version(1, 2, 10))))
        events.forms.patched()
        attempt(events.triggered)
        attempt(events.mounted)
        if before is not None:
            attempt(lambda events=events, before=before: events.recovered(before))
        for element in document.select("*"):
            for action in (
                events.click,
                events.focus,
                events.blur,
                events.submit,
                lambda each, events=events: events.keydown(each, "a"),
                lambda each, events=events: events.press(each, "Enter"),
                lambda each, events=events: events.press(each, "k"),
                lambda each, events=events: events.change(each, random_.choice(("", "1", True, ["a"], None))),
                lambda each, events=events: events.change(each, {"a": random_.choice(("1", False, ["1"]))}),
            ):
                sent += len(attempt(lambda action=action, element=element: action(element)))
        before = events.forms
    assert sent > 0


def test_pages_that_are_large_in_one_way_are_read_in_time_that_grows_with_them() -> None:
    many = 2000
    for html in (
        "<form phx-change=c>" + "<input type=radio name=a value=1 checked>" * many,
        "<form id=f phx-change=c></form>" + "<input form=f name=a id=b>" * many,
        "<fieldset disabled><legend></legend>" + "<input name=a>" * many + "</fieldset>",
        "<form phx-change=c><select name=a>" + "<option selected>1" * many + "</select></form>",
        "<form phx-change=c><select name=a multiple>" + "<option selected>1" * many + "</select></form>",
        "<p id=a phx-click-away=e></p>" * many,
    ):
        events = Events(Document(html), LiveForms(), Version(1, 2, 0))
        element = events.document.find("input, select, p")
        attempt(lambda events=events, element=element: events.change(element, "1"))
        attempt(lambda events=events, element=element: events.click(element))
        attempt(lambda events=events, element=element: events.submit(element))
    with pytest.raises(ViewError, match="1001 portals, and may have 1000"):
        Document("<template data-phx-portal='#a'><p></p></template>" * 1001)
    with pytest.raises(ElementError, match="a CSS selector may have 2000 characters"):
        Document("<p>").select(":not(" * 1000)


@pytest.mark.parametrize(
    "outer",
    [
        "<div data-phx-session=s>",
        "<div id=a data-phx-session=s>",
        "<div id=a data-phx-session=s data-phx-sticky>",
    ],
)
def test_a_main_view_is_a_part_of_its_page_unless_it_lies_in_another_view(outer: str) -> None:
    page = Page(
        "http://peer.test/", 200, f"<body>{outer}<div id=b data-phx-session=t data-phx-main></div></div>"
    )
    assert page.main is not None
    assert page.main.id == "b"
    assert page.parts[1::2] == (["a"] if "id=a" in outer else ["b"])
