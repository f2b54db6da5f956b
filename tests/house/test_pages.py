"""What README and docs/ show has been run, and each page is a page of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from fastphx.testing.demo import demo_server
from tests.examples.live_shop_app import live_shop_app
from tests.house.checkout import ROOT
from tests.house.played_page import blocks_of, play
from tests.liveview.scripted_thread import scripted_application

DOCS = ROOT / "docs"
CODE = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)#:]*)#([^)]+)\)")
OWN_TESTS = {
    "behaviour.md": "gen_socket_client/test_guide.py",
    "client.md": "client/test_docs.py",
    "how-to/supabase.md": "examples/test_supabase_realtime.py",
    "load.md": "load/test_guide.py",
    "start.md": "cli/test_start_page.py",
}
"""The pages whose examples need more than to be played, with the tests that run them."""

PAGES = {
    str(page.relative_to(ROOT)): text
    for page in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if blocks_of(text := page.read_text(encoding="utf-8")) and page not in {DOCS / name for name in OWN_TESTS}
}
"""The pages that are played, with their text."""


LIVE_PAGES = ("docs/liveview.md", "docs/tutorials/liveview-smoke-test.md")
"""The pages that are written for an application of LiveView pages."""


@contextmanager
def application(name: str) -> Iterator[str]:
    """The address of the server that the page is written for."""
    if name in LIVE_PAGES:
        with scripted_application(live_shop_app()) as app:
            yield app.url.removeprefix("http://")
    else:
        with demo_server() as server:
            yield f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_shows_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with application(name) as address:
        play(PAGES[name], address, monkeypatch)


@pytest.mark.parametrize(("page", "test"), OWN_TESTS.items())
def test_the_other_pages_have_tests_of_their_own(page: str, test: str) -> None:
    assert page in (ROOT / "tests" / test).read_text(encoding="utf-8")


def anchors_of(page: Path) -> set[str]:
    """Where a link may lead on the page: its headings, as forges and the site name them."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.M)
    shown = [re.sub(r"\[(.*?)\]\(.*?\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in shown}


def test_every_anchor_is_a_heading() -> None:
    # What is generated has its anchors when the site is built.
    links = [
        (page, page.parent / target if target else page, anchor)
        for page in [ROOT / "README.md", *DOCS.rglob("*.md")]
        for target, anchor in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
        if "reference/" not in target and "reference" not in page.parts and ".md#" in f"{target or '.md'}#"
    ]
    assert len(links) > 20
    assert [(page.name, anchor) for page, target, anchor in links if anchor not in anchors_of(target)] == []


def pages_in(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for each in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from pages_in(each)


def test_every_page_is_in_the_sites_navigation() -> None:
    # The file has a tag of Python's, which no other loader of YAML knows.
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2].partition("\n\n")[0]
    assert sorted(pages_in(yaml.safe_load(nav))) == sorted(
        page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")
    )
