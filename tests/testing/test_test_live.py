"""TestLive, and the fixture ``live``: a browser for tests that do not await."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature

import pytest

from fastphx.liveview import ElementError, View, ViewClosedError, ViewCrashedError, ViewTimeoutError
from fastphx.testing import TestLive, TestView
from tests.liveview.scripted_server import Push, Scripted, container, html_page
from tests.liveview.scripted_thread import scripted_application

BEFORE = '<form id="f" phx-change="typed" phx-submit="save"><input name="a"><button>Save</button></form>'
AFTER = '</p><a id="l" href="/linked">l</a><button id="inc" phx-click="inc">+</button>'
FORM = [BEFORE + '<p id="n" class="x">', AFTER + '<p id="k" phx-keydown="key"></p>']


@pytest.fixture
def application() -> Iterator[Scripted]:
    with scripted_application() as server:
        yield server


@pytest.fixture
def live_url(application: Scripted) -> str:
    return application.url


def test_a_page_is_read_and_acted_on(application: Scripted, live: TestLive) -> None:
    async def join(push: Push) -> None:
        await push.reply({"rendered": {"0": "0", "s": FORM, "t": "Form"}, "liveview_version": "1.1.33"})

    application.on_join = join
    view = live.open("/form?x=1").change("#f", {"a": "1"}).submit("#f", {"a": "2"}).keydown("#k", "x")
    assert [push.payload["event"] for push in application.events] == ["typed", "typed", "save", "key"]
    assert application.events[2].payload["value"] == "a=2"
    assert (view.text("#n"), view.title, view.status) == ("4", "Form - app", 200)
    assert view.url == f"{application.url}/form?x=1"
    assert view.find("#n").get("class") == "x"
    assert view.has("#n")
    assert not view.has("#none")
    assert view.html("#n") == '<p id="n" class="x">4</p>'
    assert view.wait_for("#n", text="4").text == "4"
    assert view.event("any").hook_event("hook") is None
    other = view.follow("#l")
    assert other.url == f"{application.url}/linked"
    assert live.view.url == other.url
    with pytest.raises(ViewClosedError, match="/linked"):
        view.click("#inc")
    assert live.back().url == view.url
    assert live.forward().url == other.url
    assert live.view.navigate("/third").patch("/third?p=1").url == f"{application.url}/third?p=1"


def test_it_has_what_a_view_has(application: Scripted, live: TestLive) -> None:
    """What is documented of a view, that is; the rest is what its browser and its page call."""
    here, there = ({name for name in dir(each) if name[0] != "_"} for each in (TestView, View))
    calls = {"check_current", "forms_now", "over", "patch_to", "recover", "run_mounted", "take", "take_join"}
    assert there - here == calls | {"trigger", "living", "events", "document", "is_over"}
    for name in here & there:
        if callable(method := getattr(View, name)):
            given, taken = (signature(each).parameters for each in (getattr(TestView, name), method))
            assert set(taken) - set(given) <= {"name"}, name
            assert all(given[each].default == taken[each].default for each in given), name
    view = live.open("/")
    assert (view.is_live, view.liveview_version) == (True, "1.1.33")
    assert view.press(None, "a").blur().event("typed", type="keydown").page_text() == "1\n+\n-"
    assert application.events[-1].payload["type"] == "keydown"


def test_what_is_wrong_is_raised(application: Scripted, live: TestLive) -> None:
    async def crash(push: Push) -> None:
        await push.send("phx_error", {}, push.join_ref)

    view = live.open("/")
    with pytest.raises(ElementError, match="#none"):
        view.click("#none")
    with pytest.raises(ViewTimeoutError, match="has not come within"):
        view.wait_for("#none", timeout=0.05)
    application.on_event = crash
    with pytest.raises(ViewCrashedError):
        view.click("#inc")
    live.close()
    live.close()


def test_flash_messages_are_read(application: Scripted, live: TestLive) -> None:
    application.page = lambda _: html_page(
        '<p id="flash-info" role="alert">saved <b>all</b></p><p class="alert alert-danger">no</p>'
        '<div id="flash-group"></div><p id="flash-error" hidden>lost</p>' + container("phx-main")
    )
    assert live.open("/").flash == {"info": "saved all", "danger": "no"}
