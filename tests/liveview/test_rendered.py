"""What a merge says, what it keeps over patches, and streams with other children beside their rows."""

from __future__ import annotations

from typing import Any

import pytest

from fastphx.liveview.errors import TreeError
from fastphx.liveview.rendered import Rendered

Message = dict[str, Any]


def page(cell: Any = "a", **more: Any) -> Message:
    return {"s": ["<p>", "</p>"], "0": cell, **more}


def test_a_message_without_a_tree_leaves_the_page_as_it_is() -> None:
    tree = Rendered(page())
    html = tree.html()
    changed = tree.merge({"e": [["saved", {"id": 1}], ["first", {}, True]], "t": "New", "r": {"ok": True}})
    assert not changed.dom
    assert changed.events == (("saved", {"id": 1}),)
    assert changed.events_before == (("first", {}),)
    assert changed.title == "New"
    assert changed.reply == {"ok": True}
    assert tree.html() is html


def test_an_integer_r_is_no_reply() -> None:
    changed = Rendered(page()).merge({"s": ["<b>", "</b>"], "0": "x", "r": 1})
    assert changed.dom
    assert changed.reply is None


def test_html_is_built_once_for_each_change() -> None:
    tree = Rendered(page())
    assert tree.html() is tree.html()
    assert tree.merge({"0": "b"}).dom
    assert tree.html() == "<p>b</p>"


def test_a_message_without_templates_does_not_know_those_of_the_one_before() -> None:
    tree = Rendered({"s": 0, "0": "", "p": {"0": ["<p>", "</p>"]}})
    with pytest.raises(TreeError, match="the template 0 is not in the message's `p`"):
        tree.merge({"0": {"s": 0, "0": ""}})


def test_components_that_go_are_said_once_and_kept_until_they_are_dropped() -> None:
    component = {"s": ["<b>", "</b>"], "0": "x"}
    tree = Rendered(page({"s": ["", "", ""], "0": 1, "1": 2}, c={"1": component, "2": component}))
    assert tree.component_ids == {1, 2}
    assert tree.merge({"0": {"1": ""}}).removed_cids == (2,)
    assert tree.component_ids == {1}
    assert tree.merge({"c": {"1": {"0": "y"}}}).removed_cids == ()
    tree.merge({"0": {"1": 2}})
    assert tree.component_ids == {1, 2}
    tree.merge({"0": {"1": ""}})
    tree.drop([1, 2])
    with pytest.raises(TreeError, match="the component 2, which is not known"):
        tree.merge({"0": {"1": 2}})
    changed = tree.merge({"0": {"1": 3}, "c": {"3": component}})
    assert changed.new_cids == (3,)
    assert tree.html().count("data-phx-component") == 2


def test_a_component_is_marked_on_its_first_element_behind_comments() -> None:
    component = {"s": ["\n<!-- <Card> card.ex:1 --><", " class='c'>", "</b>"], "0": "b", "1": "x"}
    component["s"][0] = "\n<!-- <Card> card.ex:1 -->"
    component = {"s": component["s"], "0": {"s": ["<b", ">"], "0": ' class="d"', "r": 1}, "1": "x"}
    html = Rendered({"s": ["", ""], "0": 1, "c": {"1": component}}).html()
    assert html.startswith('\n<!-- <Card> card.ex:1 --><b data-phx-component="1" class="d">')


def ignored(now: str, data: str = "1", name: str = "chart") -> Message:
    statics = ['<div class="', '" id="', '" phx-update="ignore" data-n="', '">', "</div>"]
    return {"s": statics, "0": f"c{data}", "1": name, "2": data, "3": now}


def test_the_first_content_of_an_ignored_element_stays_and_its_data_attributes_do_not() -> None:
    tree = Rendered(page(ignored("first")))
    assert tree.html() == '<p><div class="c1" id="chart" phx-update="ignore" data-n="1">first</div></p>'
    tree.merge({"0": {"0": "c2", "2": "2", "3": "second"}})
    assert tree.html() == '<p><div class="c1" id="chart" phx-update="ignore" data-n="2">first</div></p>'
    tree.merge({"0": ignored("third", "3")})
    assert ">first<" in tree.html()


def test_an_ignored_element_that_goes_or_has_another_id_begins_anew() -> None:
    tree = Rendered(page(ignored("first")))
    tree.merge({"0": {"1": "other", "3": "second"}})
    assert ">second<" in tree.html()
    tree.merge({"0": ""})
    tree.merge({"0": ignored("third", name="other")})
    assert ">third<" in tree.html()


def test_an_ignored_element_of_the_served_page_or_of_the_view_before_a_rejoin_stays() -> None:
    served = '<p><div id="chart" phx-update="ignore">served <b>1</b></div></p>'
    tree = Rendered(page(ignored("joined")), served=served)
    assert ">served <b>1</b></div>" in tree.html()
    assert ">served <b>1</b></div>" in Rendered(page(ignored("again")), previous=tree).html()
    assert ">again<" in Rendered(page(ignored("again"))).html()


def test_what_js_commands_did_stays_until_its_element_goes() -> None:
    element = {"s": ['<b id="box" class="', '">', "</b>"], "0": "one two", "1": "x"}
    tree = Rendered(page(element))
    sticky = tree.sticky("box")
    sticky.add_classes(["on"])
    sticky.remove_classes(["two"])
    sticky.set["aria-x"] = "1"
    tree.merge({"0": {"0": "one two three"}})
    assert tree.html() == '<p><b id="box" class="one three on" aria-x="1">x</b></p>'
    tree.merge({"0": ""})
    tree.merge({"0": element})
    assert tree.html() == '<p><b id="box" class="one two">x</b></p>'


def test_an_element_without_an_id_is_found_by_its_place() -> None:
    tree = Rendered({"s": ["<i></i> <p>a<b></b><b>", "</b></p>"], "0": "x"})
    tree.sticky((1, 1)).set["hidden"] = ""
    tree.merge({"0": "y"})
    assert tree.html() == '<i></i> <p>a<b></b><b hidden="">y</b></p>'


def stream(
    rows: list[str], at: int = -1, *, ref: str = "0", limit: int | None = None, **more: Any
) -> Message:
    inserts = [[row, at, limit, more.get("update_only", False)] for row in reversed(rows)]
    keyed: Message = {str(n): {"0": row, "1": more.get("text", "")} for n, row in enumerate(rows)}
    change = [ref, inserts, more.get("deletes", [])] + ([True] if more.get("reset") else [])
    return {"k": {**keyed, "kc": len(rows)}, "stream": change}


LIST = ['<ul id="l" phx-update="stream">', "</ul>"]
ROW = ['<li id="', '">', "</li>"]


def shown(tree: Rendered) -> str:
    """The letters of the rows, and of what else is there, in order."""
    return "".join(part.split('"')[0] for part in tree.html().split('<li id="')[1:])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (stream(["c"]), "abc"),
        (stream(["c"], 0), "cab"),
        (stream(["c"], 1), "acb"),
        (stream(["c"], 9), "abc"),
        (stream(["a"], 1), "ab"),
        (stream(["a"], 1, reset=True), "a"),
        (stream(["b", "a"], reset=True), "ba"),
        (stream([], deletes=["a", "x"]), "b"),
        (stream(["a"], deletes=["a"]), "ba"),
        (stream(["c", "d"], limit=3), "abc"),
        (stream(["c", "d"], limit=-3), "bcd"),
        (stream(["c", "d"], 0, limit=-3), "cab"),
        (stream(["c", "b"], update_only=True), "ab"),
        (stream([], reset=True), ""),
    ],
)
def test_a_stream_changes_as_in_a_browser(change: Message, expected: str) -> None:
    tree = Rendered({"s": LIST, "0": {**stream(["a", "b"]), "s": ROW}})
    tree.merge({"0": change})
    assert shown(tree) == expected


def test_the_rows_of_a_stream_stay_where_its_comprehension_comes_anew() -> None:
    tree = Rendered({"s": LIST, "0": {**stream(["a", "b"]), "s": ROW}})
    other = ['<li id="', '" class="c">', "</li>"]
    tree.merge({"0": {**stream(["c"]), "s": other}})
    assert shown(tree) == "abc"
    tree.merge({"0": ""})
    tree.merge({"0": {**stream(["d"]), "s": ROW}})
    assert shown(tree) == "d"


def test_a_stream_that_is_refused_is_as_it_was() -> None:
    tree = Rendered({"s": [*LIST, ""], "0": {**stream(["a", "b"]), "s": ROW}, "1": ""})
    for more in ({"1": None}, {"c": {"1": {}}}):
        with pytest.raises(TreeError):
            tree.merge({"0": stream(["c"], deletes=["a"]), **more})
        assert shown(tree) == "ab"


OTHERS = ['<ul id="l" phx-update="stream"><li id="0">none</li>', '<li id="9">end</li></ul>']


@pytest.mark.parametrize(("served", "expected"), [(None, "0ab9"), ("", "ab09")])
def test_a_row_that_is_appended_goes_before_other_children(served: str | None, expected: str) -> None:
    """A join patches the page that was served, where the others are already; a view that comes by live
    navigation is put there as it is."""
    tree = Rendered({"s": OTHERS, "0": {**stream(["a", "b"]), "s": ROW}}, served=served)
    assert shown(tree) == expected
    tree.merge({"0": stream(["c"])})
    assert shown(tree) == ("c0ab9" if served is None else "abc09")
    tree.merge({"0": stream(["d"], 0)})
    tree.merge({"0": stream(["e"], 9)})
    tree.merge({"0": stream(["f"])})
    assert shown(tree) == ("dc0ab9ef" if served is None else "dabc09ef")
    tree.merge({"0": stream([], reset=True)})
    assert shown(tree) == "09"
    tree.merge({"0": stream(["g"])})
    assert shown(tree) == "g09"


def test_a_row_that_is_used_twice_changes_by_itself() -> None:
    rows = {"s": ["<i>", "</i>"], "k": {"0": {"0": "a"}, "1": {"0": "b"}, "kc": 2}}
    tree = Rendered({"s": ["", ""], "0": rows})
    tree.merge({"0": {"k": {"0": 1, "1": [1, {"0": "B"}], "2": 0, "kc": 3}}})
    assert tree.html() == "<i>b</i><i>B</i><i>a</i>"
    tree.merge({"0": {"k": {"1": 0, "2": 0, "kc": 3, "km": True}}})
    tree.merge({"0": {"k": {"0": {"0": "x"}, "kc": 3}}})
    assert tree.html() == "<i>x</i><i>b</i><i>b</i>"
