"""LiveView pages of a real Phoenix, opened without a browser."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fastphx.liveview import Browser, UploadError, View, ViewClosedError, ViewCrashedError, browse
from tests.client.waiting import until
from tests.load.processes import load
from tests.phoenix.phoenix import Phoenix, version_tuple
from tests.phoenix.started import StartedPhoenix
from tests.phoenix.test_load import counted


@pytest.fixture(autouse=True)
def live_view(phoenix: Phoenix) -> tuple[int, ...]:
    """LiveView's version."""
    version = phoenix.versions["phoenix_live_view"]
    if version is None:
        pytest.skip(f"the application has no LiveView with Phoenix {phoenix.versions['phoenix']}")
    return version_tuple(version)


@pytest.fixture(params=["websocket", "longpoll"])
async def browser(phoenix: Phoenix, request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    async with browse(phoenix.http, transport=request.param, timeout=15.0) as browser:
        yield browser


def rows(view: View) -> list[str]:
    return [row.text for row in view.select("#rows li")]


async def test_events(browser: Browser) -> None:
    view = await browser.open("/pages/counter")
    assert (view.title, view.text("#count"), view.text("#connected")) == ("Counter", "0", "true")
    for count in (1, 2, 3):
        view = await view.click("#inc")
        assert view.text("#count") == str(count)
    view = await view.click("#add")
    assert view.text("#count") == "13"
    view = await view.event("add", {"by": "7"})
    assert view.text("#count") == "20"


async def test_what_the_server_sends_by_itself(browser: Browser) -> None:
    view = await browser.open("/pages/counter")
    told: list[object] = []
    view.on_push_event("told", told.append)
    view = await view.click("#later")
    await view.wait_for("#count", text="1")
    await view.click("#tell")
    await until(lambda: told)
    assert told == [{"count": 1}]


async def test_a_crash(browser: Browser) -> None:
    view = await browser.open("/pages/counter")
    await view.click("#inc")
    with pytest.raises(ViewCrashedError):
        await view.click("#crash")
    # The view was joined again, with a state of its own.
    view = await browser.view.click("#inc")
    assert view.text("#count") == "1"


async def test_a_form(browser: Browser) -> None:
    view = await browser.open("/pages/form")
    view = await view.change("#form", {"person[name]": "ann"})
    assert view.text("#seen") == "ann"
    view = await view.change("#form", {"person[name]": ""})
    assert view.text("#error") == "say a name"
    view = await view.submit("#form", {"person[name]": "bén & co"})
    assert view.text("#saved") == "bén & co"


async def test_a_form_is_filled_in_again_after_a_crash(browser: Browser) -> None:
    view = await browser.open("/pages/form")
    await view.change("#form", {"person[name]": "ann"})
    with pytest.raises(ViewCrashedError):
        await view.click("#crash")
    assert await browser.view.wait_for("#seen", text="ann", timeout=10)


async def test_components_and_a_view_in_the_view(browser: Browser) -> None:
    view = await browser.open("/pages/parts")
    for row in (1, 3, 3):
        view = await view.click(f"#row-{row} button")
    assert [row.text for row in view.select(".row span")] == ["1: 1", "2: 0", "3: 2"]
    view = await view.click("#turn")
    assert [row.text for row in view.select(".row span")] == ["3: 2", "2: 0", "1: 1"]
    view = await view.click("#drop")
    view = await view.click("#row-1 button")
    assert [row.text for row in view.select(".row span")] == ["2: 0", "1: 2"]
    view = await view.click("#inc")
    assert view.text("#count") == "1"


async def test_a_stream(browser: Browser) -> None:
    view = await browser.open("/pages/stream")
    assert rows(view) == ["row 1", "row 2", "row 3"]
    view = await view.click("#append")
    view = await view.click("#prepend")
    assert rows(view) == ["row 5", "row 1", "row 2", "row 3", "row 4"]
    view = await view.click("#change")
    view = await view.click("#delete")
    assert rows(view) == ["row 5", "changed", "row 3", "row 4"]
    view = await view.click("#last")
    assert rows(view) == ["row 3", "row 4", "row 6"]
    view = await view.click("#reset")
    assert rows(view) == ["row 7", "row 8"]


async def test_an_upload(browser: Browser) -> None:
    view = await browser.open("/pages/upload")
    files = [("one.txt", b"hello"), ("two.bin", bytes(range(256)) * 200)]
    view = await view.upload("#form", *files)
    assert [each.text for each in view.select(".entry")] == ["one.txt 0", "two.bin 0"]
    view = await view.submit("#form")
    # LiveView says nothing of the order in which entries are consumed.
    assert sorted(each.text for each in view.select(".received")) == [
        f"{name} {len(content)} {hashlib.sha256(content).hexdigest()}" for name, content in files
    ]


async def test_an_upload_that_is_refused(browser: Browser) -> None:
    view = await browser.open("/pages/upload")
    view = await view.upload("#form", ("large.bin", b"x" * 100_001))
    assert view.text(".error") == "too_large"
    with pytest.raises(UploadError, match="too_large"):
        await view.submit("#form")


@pytest.mark.parametrize(
    ("link", "place"), [("#patch", "north"), ("#push-patch", "south")], ids=["by a link", "by the server"]
)
async def test_a_patch(browser: Browser, link: str, place: str) -> None:
    view = await browser.open("/pages/places")
    same = await view.click(link)
    assert same is view
    assert (view.text("#place"), view.text("#visits"), view.title) == (place, "2", place)
    assert view.url.endswith(f"/pages/places/{place}")
    view = await view.patch("/pages/places/west")
    assert (view.text("#place"), view.text("#visits")) == ("west", "3")


@pytest.mark.parametrize(
    ("link", "flash"),
    [("#navigate", ""), ("#href", ""), ("#push-navigate", "navigated"), ("#redirect", "redirected")],
)
async def test_going_to_another_view(browser: Browser, link: str, flash: str) -> None:
    view = await browser.open("/pages/places/east")
    other = await view.click(link)
    assert other.url.endswith("/pages/counter")
    assert other.text("#flash") == flash
    assert (await other.click("#inc")).text("#count") == "1"
    with pytest.raises(ViewClosedError):
        await view.click("#patch")
    back = await browser.back()
    assert back.text("#place") == "east"


async def test_a_page_outlives_its_server(own_phoenix: StartedPhoenix) -> None:
    async with browse(own_phoenix.phoenix.http, timeout=40.0) as browser:
        view = await browser.open("/pages/form")
        await view.change("#form", {"person[name]": "ann"})
        own_phoenix.kill()
        own_phoenix.start()
        await browser.view.wait_for("#seen", text="ann", timeout=40)


JOURNEY = """
from fastphx.load import User

class Visitor(User):
    async def run(self):
        view = await self.live("/pages/counter")
        for n in range(1, 6):
            view = await view.click("#inc")
            self.check("counted", view.text("#count") == str(n))
        view = await self.live("/pages/counter", render=False)
        for n in range(5):
            view = await view.event("inc")
"""


def test_a_journey_over_pages(phoenix: Phoenix, tmp_path: Path) -> None:
    script = tmp_path / "visitor.py"
    script.write_text(JOURNEY)
    with counted(phoenix) as server:
        run = load(tmp_path, str(script), phoenix.http, "--users", "10", "--iterations", "3")
    assert run.code == 0, run.err
    assert run.result is not None
    assert run.result["visits"]["ok"] == 30
    assert server["mounts"] == run.result["steps"]["mount /pages/counter"]["ok"] == 60
    clicks, events = (run.result["steps"][name]["ok"] for name in ("click #inc", "event inc"))
    assert server["live_events"] == clicks + events == 300
    assert run.result["checks"]["counted"]["rate"] == 1.0
