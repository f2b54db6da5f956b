"""Hostile strings, and every place that they may go to."""

from __future__ import annotations

import html.parser
import json
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fastphx.foreign_text import (
    clipped,
    html_text,
    is_logged,
    label_text,
    markdown_text,
    terminal_json,
    visible,
)

HOSTILE = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "one\ntwo\r\nthree\x0b\x0c\x85\u2028\u2029four",
    "\u202egnp.exe\u2066\u2069\u200f",
    "\x00\x7f\ud800\udfff\ufffe\uffff",
    "</script><img src=x onerror=alert(1)>&amp;'\"",
    "![image](http://a/b.png) [link](javascript:alert(1)) <b> | ` `` **bold** @all",
    "`",
    " `a` ",
    'a"b\\c\nd{x="y"}',
    "@@SCRIPT@@ {{i}} %s {0}",
    "x" * 100_000,
    "",
]
PLACES = [visible, html_text, markdown_text, label_text]
texts = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_one_bounded_line_of_printable_text(place: Callable[..., str], text: str) -> None:
    shown = place(text, 50)
    assert shown.isprintable()
    assert len(shown) <= 10 * 50 + 20
    shown.encode()


@given(texts)
def test_what_is_printable_stays(text: str) -> None:
    if text.isprintable():
        assert visible(text, 300) == text
    else:
        assert visible(text, 300).isprintable()


def test_what_is_cut_says_so() -> None:
    assert clipped("abcdef", 3) == "abc…"
    assert clipped("abc", 3) == "abc"
    assert visible("\n" * 10, 2) == "\\n\\n…"


class _Text(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(texts)
def test_html_reads_it_as_text(text: str) -> None:
    page = _Text()
    page.feed(f'<p title="{html_text(text, 300)}">{html_text(text, 300)}</p>')
    page.close()
    assert [tag for tag, _ in page.tags] == ["p"]
    assert page.tags[0][1] == [("title", visible(text, 300))]
    assert page.text == visible(text, 300)


@given(texts)
def test_xml_reads_it_as_text(text: str) -> None:
    element = ET.Element("case", name=visible(text, 300))
    assert ET.fromstring(ET.tostring(element)).get("name") == visible(text, 300)


@given(texts)
def test_prometheus_reads_it_as_a_label(text: str) -> None:
    (family,) = text_string_to_metric_families(f'# TYPE x gauge\nx{{name="{label_text(text, 300)}"}} 1\n')
    assert family.samples[0].labels["name"] == visible(text, 300)


@given(texts)
def test_markdown_has_one_code_span(text: str) -> None:
    shown = markdown_text(text, 300)
    inside = shown.strip("`").strip()
    fence = len(shown) - len(shown.lstrip("`"))
    assert ("`" * fence not in inside) or not shown
    assert "|" not in shown.replace("\\|", "")
    assert bool(shown) == bool(text)


@given(texts)
def test_json_on_a_terminal_is_the_same_json(text: str) -> None:
    line = terminal_json(json.dumps({"text": text}, ensure_ascii=False))
    assert line.isprintable()
    assert json.loads(line) == {"text": text}


def test_a_log_grows_with_the_logarithm_of_what_a_peer_sends() -> None:
    logged = [count for count in range(1, 1_000_001) if is_logged(count)]
    assert logged[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32]
    assert len(logged) == 26
