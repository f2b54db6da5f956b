"""``fastphx live``: pages as text."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.cli.command import sentence
from tests.liveview.scripted_server import Push, Scripted
from tests.liveview.scripted_thread import scripted_application


@pytest.fixture
def application() -> Iterator[Scripted]:
    with scripted_application() as server:
        yield server


def test_a_page_is_printed_after_what_is_done_on_it(application: Scripted) -> None:
    async def join(push: Push) -> None:
        form = '</p><form id="f" phx-submit="s"><input name="a" value="7"><button>Go</button></form>'
        start = '<table><tr><td>a</td><td>b</td></tr></table><p id="n">'
        await push.reply({"rendered": {"0": "0", "s": [start, form + '<b id="inc" phx-click="i">+</b>']}})

    application.on_join = join
    url = f"{application.url}/counter"
    done = ("--click", "#inc", "--submit", "#f", "a=x y", "--change", "#f", "a=z", "--wait-for", "#n")
    code, out, err = sentence("live", url, *done)
    assert (code, err) == (0, "")
    assert out == "a  b\n2\n[7]\nGo\n+\n"
    assert [push.payload["value"] for push in application.events] == [{}, "a=x+y"]
    code, out, err = sentence("live", url, "--html")
    assert out.startswith('<div id="phx-main"')
    assert '<p id="n">0</p>' in out


def test_what_comes_is_watched(application: Scripted) -> None:
    async def join(push: Push) -> None:
        await application.joined(push)
        count_on(push)

    def count_on(push: Push) -> None:
        application.count += 1
        loop = asyncio.get_running_loop()
        telling = loop.create_task(push.send("diff", {"0": str(application.count)}))
        telling.add_done_callback(
            lambda told: told.cancelled() or told.exception() or loop.call_later(0.01, count_on, push)
        )

    application.on_join = join
    code, out, _ = sentence("live", application.url, "--watch", "--for", "500ms")
    assert code == 0
    number, *others, gone, come = out.splitlines()[:5]
    assert others == ["+", "-"]
    assert gone == f"- {number}"
    assert int(come.removeprefix("+ ")) > int(number)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--click", "#none"), 1, "nothing on the page matches '#none'"),
        (("--clik", "#inc"), 2, "no such option: '--clik'"),
        (("--click",), 2, "--click needs a selector"),
        (("--submit", "#f", "a"), 2, "--submit is NAME=VALUE"),
        (("--watch", "--for", "soon"), 2, "--for"),
        (("--for", "1s"), 2, "--for is how long to --watch"),
        (("--live-path", "/a b"), 2, "contains a space"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    application: Scripted, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, out, err = sentence("live", application.url, *arguments)
    assert (ended, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_a_crash_ends_with_1_and_no_server_with_3(application: Scripted) -> None:
    async def crash(push: Push) -> None:
        await push.send("phx_error", {}, push.join_ref)

    application.on_event = crash
    code, _, err = sentence("live", application.url, "--click", "#inc")
    assert (code, "crashed" in err, err.count("\n")) == (1, True, 1)
    code, _, err = sentence("live", application.url, "--live-path", "/none", "--timeout", "1s")
    assert (code, "HTTP 200" in err, err.count("\n")) == (3, True, 1)
    code, _, err = sentence("live", "http://127.0.0.1:1/")
    assert (code, "refused" in err) == (3, True)
    code, _, err = sentence("live", "ws://127.0.0.1:1/")
    assert (code, "http://" in err) == (2, True)
