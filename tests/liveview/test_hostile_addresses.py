"""Where pages and answers lead: what is no URL ends in an error of the view, whoever has written it."""

from __future__ import annotations

from html import escape
from typing import Any

import pytest

from fastphx.liveview import PageError, TreeError, ViewClosedError, ViewError, browse
from tests.liveview.scripted_server import Push, Scripted, container, html_page

NO_URLS = ("http://[::1", "//[", "http://\u2100.com/")
LIVE = 'data-phx-link="{}" data-phx-link-state="push"'


@pytest.mark.parametrize("no_url", NO_URLS)
async def test_links_and_forms_of_a_page(no_url: str) -> None:
    to = escape(no_url)
    links = "".join(
        f'<a id="{name}" href="{to}" {attributes}>x</a>'
        for name, attributes in (
            ("dead", ""),
            ("patch", LIVE.format("patch")),
            ("navigate", LIVE.format("redirect")),
        )
    )

    async def join(push: Push) -> None:
        forms = f'<form id="get" action="{to}"></form><form id="post" method="post" action="{to}"></form>'
        await push.reply({"rendered": {"s": [links + forms]}, "liveview_version": "1.1.33"})

    async with Scripted() as server, browse(server.url) as browser:
        server.on_join = join
        view = await browser.open("/")
        for name in ("#dead", "#patch", "#navigate"):
            with pytest.raises(ViewError, match="which is no URL"):
                await view.follow(name)
        for name in ("#get", "#post"):
            with pytest.raises(ViewError, match="which is no URL"):
                await view.submit(name)
        with pytest.raises(ViewError, match="which is no URL"):
            await browser.open(no_url)
        assert not view.is_over


@pytest.mark.parametrize("no_url", NO_URLS)
@pytest.mark.parametrize("kind", ["redirect", "live_redirect", "live_patch"])
async def test_answers_and_messages(no_url: str, kind: str) -> None:
    asked: dict[str, Any] = {kind: {"to": no_url, "kind": "push"}}

    async def answered(push: Push) -> None:
        await push.reply(asked)

    async def told(push: Push) -> None:
        await push.send(kind, asked[kind])
        await push.reply({})

    async def joined(push: Push) -> None:
        await push.reply({"rendered": {"s": ["<b id='inc' phx-click='a'>x</b>"]}, **asked})

    async with Scripted() as server, browse(server.url, keep_up=False) as browser:
        view = await browser.open("/")
        for server.on_event in (answered, told):
            with pytest.raises(ViewError, match="which is no URL"):
                await view.click("#inc")
        if kind == "live_patch":
            server.on_join = joined
            view = await browser.open("/")
            with pytest.raises(ViewError, match="which is no URL"):
                await view.click("#inc")
        else:
            server.on_join = lambda push: push.reply(asked, "error")
            with pytest.raises(ViewError, match="which is no URL"):
                await browser.open("/")


async def test_a_page_that_names_no_path_for_its_live_socket() -> None:
    async with Scripted() as server, browse(server.url) as browser:
        body = container("phx-main", "data-phx-main")
        server.page = lambda _: html_page(body, attributes='phx-socket="/a b"')
        with pytest.raises(PageError, match=r"has no live socket: .* contains a space"):
            await browser.open("/")


async def test_a_join_whose_events_are_none() -> None:
    async def join(push: Push) -> None:
        await push.reply({"rendered": {"s": ["<b id='inc' phx-click='a'>x</b>"], "e": 5}})

    async with Scripted() as server, browse(server.url) as browser:
        server.on_join = join
        view = await browser.open("/")
        with pytest.raises(TreeError, match="events are a list, not 5"):
            await view.event("inc")


async def test_a_tracked_file_without_a_url() -> None:
    async with Scripted() as server, browse(server.url) as browser:
        body = '<script phx-track-static src="http://[a"></script>' + container("phx-main", "data-phx-main")
        server.page = lambda _: html_page(body)
        view = await browser.open("/")
        assert view.text("p") == "0"
        assert server.joins[0].payload["params"]["_track_static"] == ["http://[a"]


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://[::1", {}, r"http://\[::1 is not a URL"),
        ("http://a:99999", {}, "http://a:99999 is not a URL: Port out of range"),
        ("http://ann:secret@a", {}, "http://a has a user name: send credentials in headers"),
        (None, {}, "a URL is a string, not NoneType"),
        ("http://a", {"connect_timeout": 0}, "connect_timeout is 0"),
        ("http://a", {"heartbeat_interval": -1}, "heartbeat_interval is -1"),
        ("http://a", {"transport": "x"}, "transport is 'x'"),
        ("http://a", {"live_path": "/a b"}, "contains a space"),
        ("http://a", {"nope": 1}, "unknown transport option 'nope'"),
    ],
)
def test_what_a_user_gives_is_checked_at_once(url: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        browse(url, **options)
    assert "secret" not in str(raised.value)


async def test_a_closed_browser_stays_what_its_view_has_ended_with() -> None:
    async with Scripted() as server:
        async with browse(server.url) as browser:
            view = await browser.open("/")
        with pytest.raises(ViewClosedError, match="the browser is closed"):
            await browser.open("/")
        with pytest.raises(ViewClosedError, match="the browser was closed"):
            view.text()
