"""After every step of every recording the merged tree is what the browser shows."""

from __future__ import annotations

import difflib
from collections import Counter

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.liveview.normalised import normalised
from tests.liveview.recordings import VERSIONS, recording, recordings
from tests.liveview.replayed import Views

PAGES = [(version, page) for version in VERSIONS for page in recordings(version)]
COMPARED = {"lv020": 243, "lv11": 246, "lv12": 246}
"""How many steps end on a page with a view, of all steps. The others end on a dead page."""
JS_STEP = ("events", 5)
"""The one step that changes classes and attributes by JS commands, which are played by hand here."""


def compared(version: str, page: str) -> int:
    """Replay a recording; the number of steps whose view was held against the browser's."""
    recorded = recording(version, page)
    views = Views(recorded)
    count = at = 0
    for number, step in enumerate(recorded["steps"]):
        views.feed(at, step["frames_to"])
        at = max(at, step["frames_to"])
        main = LexborHTMLParser(step.get("dom_after", "")).css_first("[data-phx-main]")
        if step["dom_what"] != "main" or main is None:
            continue
        assert main.id is not None
        if (page, number) == JS_STEP:
            box = views.trees[main.id].sticky("box")
            box.add_classes(["on"])
            box.set["aria-x"] = "1"
        html = views.html()
        browser, own = normalised(main.inner_html or ""), normalised(html[main.id], html)
        assert own == browser, "\n".join(
            [f"{version} {page}, step {number}:", *difflib.unified_diff(browser, own, "browser", "tree", n=1)]
        )
        count += 1
    return count


@pytest.mark.parametrize(("version", "page"), PAGES)
def test_the_tree_is_the_browsers_dom(version: str, page: str) -> None:
    compared(version, page)


def test_the_steps_that_are_compared_are_all_that_have_a_view() -> None:
    counts: Counter[str] = Counter()
    for version, page in PAGES:
        for step in recording(version, page)["steps"]:
            counts[version] += step["dom_what"] == "main" and 'data-phx-main="' in step.get("dom_after", "")
    assert counts == COMPARED
