"""Reading a page: what a browser's DOM would say, and what an error says of an element that is not there."""

from __future__ import annotations

import pytest

from fastphx.errors import FastphxError
from fastphx.liveview.document import MAX_HTML_CHARS, Document
from fastphx.liveview.errors import ElementError, ViewError


def test_rows_of_a_table_stand_as_they_are_given() -> None:
    document = Document('<!-- rows --><tr id="r"><td>1</td><td> two\n words </td></tr>')
    assert [each.text for each in document.select("tr td")] == ["1", "two words"]


@pytest.mark.parametrize("tag", ["td", "th", "tbody", "caption", "col", "li", "option"])
def test_a_piece_of_a_page_keeps_its_first_element(tag: str) -> None:
    assert Document(f"<{tag} id=x>").find("#x").tag == tag


def test_svg_keeps_its_names_and_a_textarea_loses_one_line_end() -> None:
    document = Document('<svg viewBox="0 0 1 1"></svg><textarea>\n\na\r\nb</textarea>')
    assert document.find("svg").attributes == {"viewBox": "0 0 1 1"}
    assert document.find("textarea").raw_text == "\na\nb"


def test_what_a_portal_holds_stands_where_it_leads() -> None:
    document = Document(
        '<div id="goal"></div><div id="view" data-phx-session="s">'
        '<div data-phx-component="7"><template id="p" data-phx-portal="#goal"> <b id="it">x</b></template>'
        "</div></div>"
    )
    moved = document.find("#goal > b")
    assert moved.text == "x"
    assert moved.get("data-phx-teleported-src") == "p"
    assert moved.view_id == "view"


def test_a_portal_without_a_target_is_left_where_it_is() -> None:
    for target in ("#nowhere", "(", ""):
        document = Document(f'<template id="p" data-phx-portal="{target}"><b id="it">x</b></template>')
        assert document.first("#it") is None


def test_attributes_are_in_order_and_never_none() -> None:
    element = Document('<input disabled b="&quot;\n&lt;" a>').find("input")
    assert element.attributes == {"disabled": "", "b": '"\n<', "a": ""}
    assert list(element.attributes) == ["disabled", "b", "a"]
    assert element.get("a") == ""
    assert element.get("c") is None


def test_the_text_of_a_document_and_of_a_whole_page() -> None:
    assert Document(" a <p>b\n c</p> d ").text == "a b c d"
    assert Document(" a <script>s</script><p>b<style>t</style></p> d").text == "a b d"
    assert Document("").text == ""
    assert Document("<!doctype html><html><head><title>t</title></head><body> a <p>b</p>").text == "a b"


def test_elements_are_equal_by_their_place() -> None:
    document = Document('<div id="a"><p></p><p></p></div>')
    first, second = document.select("p")
    assert first == document.find("p")
    assert first != second
    assert len({first, second, document.find("p")}) == 2
    assert [each.path for each in (first, second)] == [(0, 0), (0, 1)]
    assert document.find("#a").contains(first)
    assert not first.contains(second)
    assert document.find("#a").select("#a, p") == [first, second]


def test_a_path_counts_from_the_view() -> None:
    document = Document('<p></p><div id="v" data-phx-session="s">text<i></i><b><u></u></b></div>')
    assert document.find("u").key == (1, 0)
    assert document.find("#v").key == "v"


def test_a_fieldset_disables_its_controls_but_for_those_in_its_legend() -> None:
    document = Document(
        "<fieldset disabled><legend><input id=a></legend><legend><input id=b></legend>"
        "<div><button id=c></button></div></fieldset><p disabled id=d></p>"
    )
    assert [each.id for each in document.select("[id]") if each.is_disabled] == ["b", "c"]


@pytest.mark.parametrize("selector", ["", "(", "a[", "::nope", "a >"])
def test_what_is_no_selector_is_said(selector: str) -> None:
    with pytest.raises(ElementError, match="is no CSS selector"):
        Document("<p>").select(selector)


def test_an_element_that_is_not_there_is_told_with_those_near_to_it() -> None:
    document = Document(
        '<button id="increment" phx-click="inc">+</button><a href="/x">Other</a>'
        '<input name="user[name]">' + "<p></p>" * 5000
    )
    with pytest.raises(ElementError) as told:
        document.find("#incremnt")
    assert str(told.value) == (
        "nothing on the page matches '#incremnt'; near it: <button id='increment' phx-click='inc'> '+'"
    )
    with pytest.raises(ElementError, match=r"near it: <input name='user\[name\]'>$"):
        document.find("input[name='user[nam]']")
    with pytest.raises(ElementError, match=r"matches '#zzzzzz'$"):
        document.find("#zzzzzz")


def test_what_the_page_says_is_escaped_and_clipped_in_errors() -> None:
    document = Document(f'<button id="save\x1b[31m\n{"x" * 5000}" phx-click="\u202esave">\x07 ok</button>')
    with pytest.raises(ElementError) as told:
        document.find("#save")
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 400
    for html in ("<p\x1b[2J\u202e id=a>", "<p phx-\u202eclick=a>", f"<p phx-{'x' * 5000}=a>"):
        (element,) = Document(html).select("*")
        assert element.described().isprintable()
        assert len(element.described()) < 200


def test_a_page_is_bounded_in_length_and_depth() -> None:
    with pytest.raises(ViewError, match="33554433 characters"):
        Document("x" * (MAX_HTML_CHARS + 1))
    with pytest.raises(ViewError, match="100000 tags, 100000 deep"):
        Document("<div>" * 100_000)
    with pytest.raises(ViewError, match="tags"):
        Document("<b a=1>" * 1500 + "<p>x</p>" * 10_000)
    assert len(Document("<p>x</p>" * 50_000).select("p")) == 50_000
    assert len(Document("<div>" * 3000).select("div")) == 3000


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<",
        "<!--",
        "<a b='",
        "\x00<p\x00 id=\x00>",
        "<template data-phx-portal='#x'><template>",
        "</p></div>",
        "<svg><foreignObject><template data-phx-portal=svg><g/>",
        "\ud800<p id='\ud800'>",
        "<table><form><tr><form>",
    ],
)
def test_broken_html_ends_in_an_error_of_ours_or_in_none(html: str) -> None:
    try:
        document = Document(html)
        for element in document.select("*"):
            assert element.described().isprintable()
        assert isinstance(document.text + document.html, str)
    except FastphxError:
        pass
