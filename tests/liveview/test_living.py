"""How a page lives: refused joins, crashes, lost connections, and what the server asks for meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from fastphx.errors import FastphxError
from fastphx.liveview import (
    Browser,
    ElementError,
    TreeError,
    UploadError,
    ViewClosedError,
    ViewCrashedError,
    ViewDisconnectedError,
    ViewError,
    ViewTimeoutError,
    browse,
    live_socket,
    living,
)
from fastphx.liveview import browser as browser_module
from tests.client.waiting import until
from tests.liveview.scripted_server import Push, Scripted, container, html_page


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with Scripted() as server:
        yield server


@pytest.fixture
async def browser(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Browser]:
    monkeypatch.setattr(live_socket, "REJOIN_S", (0.01,))
    monkeypatch.setattr(browser_module, "RELOAD_S", (0.01, 0.02))
    async with browse(server.url, timeout=10) as browser:
        yield browser


def refusing(server: Scripted, *answers: Any) -> None:
    """Refuse the first joins with *answers*, and accept all others."""
    left = list(answers)

    async def answer(push: Push) -> None:
        if left:
            await push.reply(left.pop(0), "error")
        else:
            await server.joined(push)

    server.on_join = answer


# -- joins that are refused


@pytest.mark.parametrize("reason", ["stale", "unauthorized"])
async def test_a_stale_page_is_loaded_again(server: Scripted, browser: Browser, reason: str) -> None:
    refusing(server, {"reason": reason})
    view = await browser.open("/counter?a=1")
    assert [path for _, path, _ in server.requests] == ["/counter?a=1"] * 2
    assert (await view.click("#inc")).text("#n") == "1"


async def test_a_reload_tells_its_token(server: Scripted, browser: Browser) -> None:
    refusing(server, {"reason": "reload", "token": "tok.en"})
    await browser.open("/")
    assert "__phoenix_reload_status__=tok.en" in server.requests[1][2]


async def test_a_redirect_takes_the_flash_along(server: Scripted, browser: Browser) -> None:
    refusing(server, {"redirect": {"to": "/other", "flash": "fl.ash"}})
    view = await browser.open("/")
    assert view.url == f"{server.url}/other"
    assert "__phoenix_flash__=fl.ash" in server.requests[1][2]


async def test_a_main_view_that_cannot_be_joined_is_loaded_again(server: Scripted, browser: Browser) -> None:
    refusing(server, {"reason": "join crashed"})
    with pytest.raises(ViewCrashedError, match="join crashed"):
        await browser.open("/")
    await until(lambda: len(server.joins) == 2)
    view = await browser.view.wait_for("#n")
    assert view.text == "0"
    assert server.joins[1].payload["params"]["_mount_attempts"] == 0


def test_the_jitter_is_seeded_and_ends_in_half_minutes() -> None:
    delays = [browser_module.reload_delay_s(number, Random(7)) for number in (1, 10, 11, 50)]
    assert delays[0] == delays[1] == Random(7).uniform(5, 10)
    assert delays[2:] == [30, 30]


async def test_a_page_that_leads_in_circles_is_left_after_some(server: Scripted, browser: Browser) -> None:
    async def answer(push: Push) -> None:
        await push.reply({"live_redirect": {"to": "/again", "kind": "push"}}, "error")

    server.on_join = answer
    with pytest.raises(ViewError, match="more than 20"):
        await browser.open("/")


async def test_a_nested_view_is_given_up_after_three_joins(server: Scripted, browser: Browser) -> None:
    child = container("child", 'data-phx-parent-id="phx-main"')

    async def answer(push: Push) -> None:
        if push.topic == "lv:child":
            await push.reply({"reason": "join crashed"}, "error")
        else:
            await push.reply({"rendered": {"0": child, "s": ["<main>", "</main>"]}})

    server.on_join = answer
    view = await browser.open("/")
    page = browser.page
    assert page is not None
    await until(lambda: page.living["child"].attempts == 3)
    assert not page.timers
    assert [push.topic for push in server.joins].count("lv:child") == 3
    assert (await view.event("any")).is_live


# -- crashes and lost connections


async def test_a_crash_is_told_and_the_view_joined_again(server: Scripted, browser: Browser) -> None:
    async def crash(push: Push) -> None:
        await push.send("phx_error", {"reason": "channel_crash"}, push.join_ref)

    view = await browser.open("/")
    server.on_event = crash
    with pytest.raises(ViewCrashedError, match="crashed"):
        await view.click("#inc")
    server.on_event = server.counted
    assert (await view.click("#inc")).text("#n") == "1"
    assert [push.payload["params"]["_mounts"] for push in server.joins] == [0, 1]


async def test_what_is_not_to_keep_up_stays_crashed(server: Scripted) -> None:
    async def crash(push: Push) -> None:
        await push.send("phx_error", {}, push.join_ref)

    async with browse(server.url, keep_up=False) as browser:
        view = await browser.open("/")
        server.on_event = crash
        for _ in range(2):
            with pytest.raises(ViewCrashedError):
                await view.click("#inc")
    assert len(server.joins) == 1


async def test_a_lost_connection_is_told_and_opened_again(server: Scripted, browser: Browser) -> None:
    async def cut(push: Push) -> None:
        await push.close(1001)

    view = await browser.open("/")
    server.on_event = cut
    with pytest.raises(ViewDisconnectedError, match="before"):
        await view.click("#inc")
    server.on_event = server.counted
    assert (await view.click("#inc")).text("#n") == "1"


async def test_a_normal_close_is_the_end(server: Scripted, browser: Browser) -> None:
    async def close(push: Push) -> None:
        await push.close(1000)

    view = await browser.open("/")
    server.on_event = close
    for _ in range(2):
        with pytest.raises(ViewDisconnectedError):
            await view.click("#inc")


async def test_an_event_without_an_answer_loads_the_page_again(
    server: Scripted, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ignore(_: Push) -> None:
        pass

    view = await browser.open("/")
    server.on_event = ignore
    monkeypatch.setattr(living, "EVENT_TIMEOUT_S", 0.05)
    with pytest.raises(ViewTimeoutError, match="has not answered"):
        await view.click("#inc")
    await until(lambda: len(server.joins) == 2)
    with pytest.raises(ViewClosedError, match="the browser went to"):
        await view.click("#inc")


# -- what the server sends


async def test_a_diff_after_a_reply_is_merged_after_it(server: Scripted, browser: Browser) -> None:
    async def both(push: Push) -> None:
        # Both are there before the client reads.
        await asyncio.gather(push.reply({"diff": {"0": "1"}}), push.send("diff", {"0": "2"}))

    view = await browser.open("/")
    server.on_event = both
    for _ in range(20):
        await view.click("#inc")
        await view.wait_for("#n", text="2")


async def test_a_damaged_diff_fails_its_action_only(server: Scripted, browser: Browser) -> None:
    async def damaged(push: Push) -> None:
        await push.reply({"diff": {"0": {"s": "none", "d": 3}}})

    view = await browser.open("/")
    server.on_event = damaged
    with pytest.raises(TreeError):
        await view.click("#inc")
    server.on_event = server.counted
    assert (await view.click("#inc")).text("#n") == "1"


async def test_a_damaged_diff_that_nobody_asked_for_fails_the_next_action(
    server: Scripted, browser: Browser
) -> None:
    view = await browser.open("/")
    await server.joins[0].send("diff", ["no", "diff"])
    await until(lambda: view.living is not None and view.living.error is not None)
    with pytest.raises(TreeError, match="diff"):
        await view.click("#inc")
    assert (await view.click("#inc")).text("#n") == "1"


async def test_whatever_is_answered_only_our_errors_come(server: Scripted, browser: Browser) -> None:
    random = Random(5)
    junk = [
        None,
        3,
        "x",
        [],
        [[]],
        {},
        {"to": 7},
        {"s": []},
        {"k": {"0": 1}, "kc": 9},
        {"0": {"s": 99}},
        True,
    ]
    names = ["diff", "redirect", "live_redirect", "live_patch", "r", "rendered", "e", "t", "p", "c", "s"]

    def value(depth: int) -> Any:
        if depth and random.random() < 0.5:
            return {random.choice([*names, "0", "1"]): value(depth - 1) for _ in range(3)}
        return random.choice(junk)

    async def answer(push: Push) -> None:
        response = {name: value(3) for name in random.sample(names, 3)}
        response.pop("redirect", None)
        response.pop("live_redirect", None)
        await push.send("diff", value(3))
        await push.reply(response)

    await browser.open("/")
    server.on_event = answer
    for _ in range(150):
        with contextlib.suppress(FastphxError):
            await browser.view.event("any")
    server.on_event = server.counted
    for _ in range(2):
        with contextlib.suppress(FastphxError):
            await browser.view.event("any")
    assert browser.view.is_live


async def test_pushed_events_reach_their_handlers(server: Scripted, browser: Browser) -> None:
    async def push_events(push: Push) -> None:
        await push.reply(
            {"diff": {"e": [["a", {"n": 1}], ["b", {}, True], ["a", {"n": 2}]], "r": {"ok": True}}}
        )

    told: list[Any] = []

    def broken(_: Any) -> None:
        raise ValueError("a handler")

    view = await browser.open("/")
    view.on_push_event("a", broken)
    view.on_push_event("a", told.append)
    server.on_event = push_events
    assert await view.hook_event("hook", {"at": 1}, target=3) == {"ok": True}
    assert told == [{"n": 1}, {"n": 2}]
    assert server.events[0].payload == {"type": "hook", "event": "hook", "value": {"at": 1}, "cid": 3}


async def test_an_event_goes_to_the_component_around_what_a_selector_names(
    server: Scripted, browser: Browser
) -> None:
    component = {"s": ['<p><b id="inner">in</b></p>']}

    async def with_a_component(push: Push) -> None:
        await push.reply({"rendered": {"0": 3, "c": {"3": component}, "s": ["<main>", "</main>"]}})

    async def answer(push: Push) -> None:
        await push.reply({})

    server.on_join, server.on_event = with_a_component, answer
    view = await browser.open("/")
    await view.event("any", [1], target="#inner")
    await view.event("any", target="main")
    payload = {"type": "click", "event": "any"}
    assert [push.payload for push in server.events] == [
        {**payload, "value": [1], "cid": 3},
        {**payload, "value": {}},
    ]
    with pytest.raises(ElementError, match="nothing on the page matches '#gone'"):
        await view.event("any", target="#gone")


async def test_the_server_leads_to_another_view_by_itself(server: Scripted, browser: Browser) -> None:
    view = await browser.open("/")
    await server.joins[0].send("live_redirect", {"to": "/next?x=1", "kind": "push", "flash": "fl"})
    await until(lambda: browser.view is not view)
    await browser.settled()
    assert browser.view.url == f"{server.url}/next?x=1"
    join = server.joins[1].payload
    assert (join["redirect"], join["flash"], join["params"]["_live_referer"]) == (
        f"{server.url}/next?x=1",
        "fl",
        f"{server.url}/",
    )
    with pytest.raises(ViewClosedError, match="/next"):
        await view.click("#inc")


# -- actions


async def test_actions_run_in_their_order(server: Scripted, browser: Browser) -> None:
    outstanding: list[int] = []

    async def late(push: Push) -> None:
        outstanding.append(len(server.events) - server.count)
        asyncio.get_running_loop().call_later(0.005, lambda: asyncio.ensure_future(server.counted(push)))

    view = await browser.open("/")
    server.on_event = late
    await asyncio.gather(*(view.event("any", {"number": number}) for number in range(10)))
    assert [push.payload["value"]["number"] for push in server.events] == list(range(10))
    assert outstanding == [1] * 10
    assert view.text("#n") == "10"


async def test_an_element_that_cannot_be_clicked_is_named(server: Scripted, browser: Browser) -> None:
    view = await browser.open("/")
    with pytest.raises(ViewError, match="is disabled"):
        await view.click("#off")
    with pytest.raises(ViewError, match="near it: <button id='inc'"):
        await view.click("#incr")
    assert not server.events


async def test_waiting_ends_with_a_diff_or_in_time(server: Scripted, browser: Browser) -> None:
    view = await browser.open("/")
    waiting = asyncio.create_task(view.wait_for("#n", text="7"))
    await asyncio.sleep(0)
    await server.joins[0].send("diff", {"0": "7"})
    assert (await waiting).text == "7"
    with pytest.raises(ViewTimeoutError, match="has not come within"):
        await view.wait_for("#never", timeout=0.05)


async def test_a_closed_browser_ends_what_waits(server: Scripted, browser: Browser) -> None:
    async def ignore(_: Push) -> None:
        pass

    view = await browser.open("/")
    server.on_event = ignore
    clicking = asyncio.create_task(view.click("#inc"))
    await until(lambda: server.events)
    await browser.close()
    with pytest.raises(ViewClosedError):
        await clicking


@pytest.mark.parametrize("how", ["close", "leave"])
async def test_what_waits_for_a_rejoin_ends_with_its_view(
    server: Scripted, browser: Browser, how: str
) -> None:
    async def ignore(_: Push) -> None:
        pass

    view = await browser.open("/")
    server.on_join = ignore
    await server.joins[0].send("phx_error", {}, None)
    await until(lambda: len(server.joins) == 2)
    clicking = asyncio.create_task(view.click("#inc", timeout=60))
    # It waits, and holds back all other actions.
    await until(lambda: browser._lock.locked())
    if how == "close":
        await browser.close()
    else:
        server.on_join = server.joined
        await server.joins[1].reply({"redirect": {"to": "/other"}}, "error")
    with pytest.raises(ViewClosedError, match=r"was closed|went to"):
        await asyncio.wait_for(clicking, 5)


async def test_a_closed_browser_ends_what_waits_on_a_page_without_a_view(
    server: Scripted, browser: Browser
) -> None:
    server.page = lambda _: html_page("<p>dead</p>")
    view = await browser.open("/")
    waiting = asyncio.create_task(view.wait_for("#never"))
    await asyncio.sleep(0)
    await browser.close()
    with pytest.raises(ViewClosedError, match="was closed"):
        await asyncio.wait_for(waiting, 5)


async def test_a_browser_that_is_closed_while_a_page_is_asked_for(server: Scripted, browser: Browser) -> None:
    await browser.open("/")
    opening = asyncio.create_task(browser.open("/"))
    # It is about to ask for the document.
    while browser.page is not None:  # noqa: ASYNC110 - in the very next turn of the loop
        await asyncio.sleep(0)
    await browser.close()
    with pytest.raises(ViewClosedError, match=r"browser (is|was) closed"):
        await opening


async def test_what_is_done_after_a_crash_is_of_the_page_that_is_joined_again(
    server: Scripted, browser: Browser
) -> None:
    async def join(push: Push) -> None:
        button = f'<b id="inc" phx-click="inc" phx-value-join="{len(server.joins)}"></b>'
        await push.reply({"rendered": {"s": [button]}, "liveview_version": "1.1.33"})

    async def crash(push: Push) -> None:
        server.on_event = lambda push: push.reply({})
        await push.send("phx_error", {}, push.join_ref)

    server.on_join = join
    server.on_event = crash
    view = await browser.open("/")
    with pytest.raises(ViewCrashedError):
        await view.click("#inc")
    await view.click("#inc")
    assert [push.payload["value"] for push in server.events] == [{"join": "1"}, {"join": "2"}]


# -- uploads, and the other transport


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (
            {"entries": {"0": {"uploader": "S3", "url": "https://elsewhere"}}, "config": {}},
            "external service",
        ),
        ({"entries": {}, "config": {}}, "no token"),
        ({"errors": {"0": "too_large"}}, "too_large"),
    ],
)
async def test_an_upload_that_cannot_be_is_refused(
    server: Scripted, browser: Browser, allowed: dict[str, Any], words: str
) -> None:
    async def join(push: Push) -> None:
        source = '<input type="file" name="doc" data-phx-upload-ref="up" data-phx-active-refs="0">'
        form = f'<form id="f" phx-change="validate" phx-submit="save">{source}'
        await push.reply({"rendered": {"0": "", "s": [form, "</form>"]}, "liveview_version": "1.1.33"})

    server.on_join = join
    server.allowed = allowed
    view = await browser.open("/")
    view = await view.upload("#f", ("a.txt", b"content"))
    assert server.events[0].payload["uploads"]["up"][0]["size"] == 7
    with pytest.raises(UploadError, match=words):
        await view.submit("#f")
    assert len(server.events) == 1


async def test_chosen_files_are_sent_with_a_submit_and_with_nothing_else(
    server: Scripted, browser: Browser
) -> None:
    async def join(push: Push) -> None:
        fields = '<input type="checkbox" id="box" name="box"><input id="text" name="text">'
        source = '<input type="file" name="doc" data-phx-upload-ref="up" data-phx-active-refs="0">'
        form = f'<form id="f" phx-change="validate" phx-submit="save">{fields}{source}'
        await push.reply({"rendered": {"0": "", "s": [form, "</form>"]}, "liveview_version": "1.1.33"})

    server.on_join = join
    server.allowed = {"errors": {"0": "too_large"}}
    view = await browser.open("/")
    view = await view.upload("#f", ("a.txt", b"content"))
    view = await view.click("#box")
    with pytest.raises(UploadError, match="too_large"):
        await view.press("#text", "Enter")
    assert [push.payload["event"] for push in server.events] == ["validate", "validate"]


@pytest.mark.parametrize("content", [b"short", None])
async def test_a_file_that_is_another_when_it_is_sent(
    server: Scripted, browser: Browser, tmp_path: Path, content: bytes | None
) -> None:
    async def join(push: Push) -> None:
        source = '<input type="file" name="doc" data-phx-upload-ref="up" data-phx-active-refs="0">'
        form = f'<form id="f" phx-change="validate" phx-submit="save">{source}'
        await push.reply(
            {} if push.topic.startswith("lvu:") else {"rendered": {"0": "", "s": [form, "</form>"]}}
        )

    server.on_join = join
    server.allowed = {"entries": {"0": "token"}, "config": {}}
    path = tmp_path / "a.txt"
    path.write_bytes(b"a long content")
    view = await browser.open("/")
    view = await view.upload("#f", path)
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    words = "'a.txt' cannot be read" if content is None else "'a.txt' has 5 bytes now, and had 14"
    with pytest.raises(UploadError, match=words):
        await view.submit("#f")
    assert len(server.events) == 1


@pytest.mark.parametrize("given", [5, ("a",), ("a", "text"), ("a", b"x", "text/plain", 1), "."])
async def test_what_is_no_file_is_said(server: Scripted, browser: Browser, given: Any) -> None:
    view = await browser.open("/")
    with pytest.raises(ValueError, match=r"a file is|is no file"):
        await view.upload("#inc", given)


async def test_long_polling_carries_a_page_as_well(server: Scripted) -> None:
    async with browse(server.url, transport="longpoll", timeout=10) as browser:
        view = await browser.open("/counter")
        assert (await view.click("#inc")).text("#n") == "1"
        await server.joins[0].send("diff", {"0": "7"})
        assert (await view.wait_for("#n", text="7")).text == "7"


async def test_a_page_that_is_too_deep_is_not_parsed(server: Scripted, browser: Browser) -> None:
    server.page = lambda _: web.Response(text="<div>" * 100_000, content_type="text/html")
    with pytest.raises(ViewError, match="deep"):
        await browser.open("/")


async def test_the_html_of_a_main_view_that_lies_in_another(server: Scripted, browser: Browser) -> None:
    server.page = lambda _: html_page(container("outer", content=container("phx-main", "data-phx-main")))
    view = await browser.open("/")
    assert view.html() == view.find("body").html
    assert '<div id="outer"' in view.html()


# -- pages without a view


async def test_a_dead_page_has_text_forms_and_links(server: Scripted, browser: Browser) -> None:
    def dead(request: web.Request) -> web.Response:
        return html_page(
            f'<h1>{request.path_qs}</h1><form id="f" action="/to" method="post"><input name="a" value="1">'
            '<input name="b"></form><form id="g" action="/found"><input name="q"></form>'
            '<a id="m" data-method="delete" data-to="/gone" data-csrf="tok" href="/gone">x</a>'
            '<a id="l" href="/linked">l</a>'
        )

    server.page = dead
    view = await browser.open("/dead")
    assert not view.is_live
    assert view.text("h1") == "/dead"
    view = await view.submit("#f", {"b": "ä b"})
    view = await view.submit("#g", {"q": "x&y"})
    assert view.text("h1") == "/found?q=x%26y"
    view = await view.follow("#m")
    view = await view.follow("#l")
    assert view.url == f"{server.url}/linked"
    assert server.bodies == ["a=1&b=%C3%A4+b", "_csrf_token=tok&_method=delete"]
    with pytest.raises(ViewError, match="no live view"):
        await view.event("any")
    view = await browser.back()
    assert view.url == f"{server.url}/gone"


async def test_an_answer_that_is_no_page_is_one(server: Scripted, browser: Browser) -> None:
    server.page = lambda _: web.Response(status=404, text="nothing <here")
    view = await browser.open("/nowhere")
    assert (view.status, view.is_live) == (404, False)


async def test_headers_go_to_the_application_only(server: Scripted) -> None:
    async with Scripted() as other:
        told: list[str | None] = []

        def page(request: web.Request) -> web.Response:
            told.append(request.headers.get("X-Key"))
            return web.Response(status=302, headers={"Location": f"{other.url}/elsewhere"})

        def elsewhere(request: web.Request) -> web.Response:
            told.append(request.headers.get("X-Key"))
            return other.counter_page(request)

        server.page, other.page = page, elsewhere
        async with browse(server.url, headers={"X-Key": "secret"}) as browser:
            view = await browser.open("/")
            assert view.url == f"{other.url}/elsewhere"
            assert view.is_live
        assert told == ["secret", None]
        assert other.handshakes[0].get("X-Key") is None
