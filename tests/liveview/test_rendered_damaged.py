"""A diff that is none ends in a TreeError, and the tree is as it was; what is over a limit too."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest

from fastphx.liveview import diff, rendered
from fastphx.liveview.errors import TreeError
from fastphx.liveview.rendered import Rendered
from tests.liveview.recordings import VERSIONS, recordings
from tests.liveview.replayed import received

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 2**31, 2**63, 2**80, 1.5, "", "0", "\ud83c", "<", [], {}),
    *([[]], [0, {}], [1, None], ["", [], []], ["0", [["a", 0, None]], []], {"s": 0}, {"s": ["a"]}),
    *(
        {"s": ["a", "b"]},
        {"k": {}},
        {"k": {"kc": 2}},
        {"k": {"0": 0, "1": 0, "kc": 2}},
        {"d": [[]]},
        {"p": {}},
    ),
)
PAGES = ("list", "comp", "fuzz", "counter", "nested", "portal", "push")
TRIES = 12
"""So often each message is damaged."""


def messages(recording: dict[str, Any]) -> list[list[Any]]:
    """The trees and diffs of each view, in order: a tree, then its diffs."""
    views: dict[str, list[Any]] = {}
    ended: list[list[Any]] = []
    for frame in recording["frames"]:
        for _, _, topic, event, payload in received(frame):
            response = payload.get("response", {}) if event == "phx_reply" else {}
            if "rendered" in response:
                ended.append(views.pop(topic, []))
                views[topic] = [response["rendered"]]
            elif topic in views and ("diff" in response or event == "diff"):
                views[topic].append(response.get("diff", payload))
    return [found for found in [*ended, *views.values()] if found]


def damaged(message: Any, chance: random.Random) -> Any:
    """*message* with something in it replaced, gone, or under another key."""
    message = deepcopy(message)
    places: list[tuple[Any, Any]] = []

    def gather(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                gather(value[key])

    gather(message)
    for _ in range(chance.randrange(1, 3)):
        where, key = chance.choice(places)
        match chance.randrange(4):
            case 0 if isinstance(where, dict):
                where.pop(key, None)
            case 1 if isinstance(where, dict):
                where[chance.choice(("s", "k", "d", "p", "c", "kc", "stream", "0", "9", "-1", "x"))] = (
                    where.get(key)
                )
            case 2:
                other, place = chance.choice(places)
                if isinstance(where, dict) or key < len(where):
                    with suppress(KeyError, IndexError):
                        where[key] = deepcopy(other[place])
            case _:
                where[key] = deepcopy(chance.choice(JUNK))
    return message


def replayed(history: list[Any]) -> Rendered:
    tree = Rendered(deepcopy(history[0]))
    for message in history[1:]:
        tree.merge(deepcopy(message))
    return tree


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_diff_is_a_tree_error_and_changes_nothing(version: str) -> None:
    chance = random.Random(version)
    refused = 0
    for page in PAGES:
        for history in messages(recordings(version).get(page, {"frames": []})):
            tree = Rendered(deepcopy(history[0]))
            for at in range(1, len(history)):
                before = tree.html()
                for _ in range(TRIES):
                    message = damaged(history[at], chance)
                    try:
                        tree.merge(message)
                        tree.html()
                    except TreeError:
                        refused += 1
                        tree.merge({"e": [], "t": ""})
                        assert tree.html() == before
                    else:
                        tree = replayed(history[:at])
                tree.merge(deepcopy(history[at]))
                assert tree.html() == replayed(history[: at + 1]).html()
    assert refused > 500


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_tree_is_a_tree_error(version: str) -> None:
    chance = random.Random(version)
    refused = 0
    for page in PAGES:
        for history in messages(recordings(version).get(page, {"frames": []})):
            for _ in range(40):
                try:
                    Rendered(damaged(history[0], chance)).html()
                except TreeError:
                    refused += 1
    assert refused > 100


@pytest.mark.parametrize("value", JUNK, ids=repr)
def test_junk_is_a_tree_error(value: Any) -> None:
    if value != {"s": ["a"]}:
        with pytest.raises(TreeError):
            Rendered(value)
    tree = Rendered({"s": ["<p>", "</p>"], "0": "a"})
    if (
        value != {"s": ["a"]}
        and value not in ({}, {"p": {}})
        and not (isinstance(value, dict) and "s" not in value)
    ):
        with pytest.raises(TreeError):
            tree.merge(value)
        assert tree.html() == "<p>a</p>"


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {"s": ["x"]}
    for _ in range(depth):
        tree = {"s": ["", ""], "0": tree}
    return tree


def test_the_depth_of_a_tree_has_a_limit() -> None:
    assert Rendered(nested(rendered.MAX_DEPTH)).html() == "x"
    with pytest.raises(TreeError, match="over 100 levels deep"):
        Rendered(nested(rendered.MAX_DEPTH + 1))
    tree = Rendered(nested(rendered.MAX_DEPTH))
    deeper: dict[str, Any] = nested(5)
    for _ in range(rendered.MAX_DEPTH - 2):
        deeper = {"0": deeper}
    with pytest.raises(TreeError, match="over 100 levels deep"):
        tree.merge(deeper)
    assert tree.html() == "x"


def test_a_component_within_itself_is_refused() -> None:
    tree = Rendered({"s": ["<p>", "</p>"], "0": 1, "c": {"1": {"s": ["<b>", "</b>"], "0": "x"}}})
    with pytest.raises(TreeError, match="the component 1 is within itself"):
        tree.merge({"c": {"1": {"0": 1}}})
    with pytest.raises(TreeError, match="within itself"):
        tree.merge({"c": {"2": {"s": 1, "0": 1}, "1": {"0": 2}}})
    assert tree.html() == '<p><b data-phx-component="1">x</b></p>'


def test_a_component_within_a_row_of_its_own_stream_is_refused() -> None:
    component = {
        "s": ["<b>", "</b>"],
        "0": {"s": ["<i id='", "'>", "</i>"], "d": [], "stream": ["0", [], []]},
    }
    tree = Rendered({"s": ["", ""], "0": 1, "c": {"1": component}})
    with pytest.raises(TreeError, match="the component 1 is within itself"):
        tree.merge({"c": {"1": {"0": {"d": [["a", 1]], "stream": ["0", [["a", -1, None]], []]}}}})
    assert tree.html() == '<b data-phx-component="1"></b>'


def test_a_component_within_the_copy_that_it_shares_is_refused() -> None:
    components = {"1": {"s": ["<b>", "</b>"], "0": 2}, "2": {"s": ["<b>", "</b>"], "0": "x"}}
    tree = Rendered({"s": ["", ""], "0": 1, "c": components})
    with pytest.raises(TreeError, match="the component 2 is within itself"):
        tree.merge({"c": {"2": {"s": -1}}})
    assert tree.html().count("<b") == 2


def test_the_height_of_components_has_a_limit() -> None:
    count = rendered.MAX_HEIGHT
    chain = {str(cid): {"s": ["<b>", "</b>"], "0": cid + 1} for cid in range(1, count)}
    chain[str(count)] = {"s": ["<b>", "</b>"], "0": "x"}
    with pytest.raises(TreeError, match="the components are over 400 levels deep"):
        Rendered({"s": ["", ""], "0": 1, "c": chain})
    tree = Rendered({"s": ["", ""], "0": 1, "c": {"1": {"s": ["<b>", "</b>"], "0": "x"}}})
    with pytest.raises(TreeError, match="the components are over 400 levels deep"):  # noqa: PT012 - some are merged
        for cid in range(1, count):
            tree.merge({"c": {str(cid): {"0": cid + 1}, str(cid + 1): {"s": ["<b>", "</b>"], "0": "x"}}})
    assert tree.html().count("<b") < count


def test_a_chain_of_shared_statics_may_be_long_and_not_go_round() -> None:
    count = 5000
    components = {"1": {"s": ["<b>", "</b>"], "0": "1"}}
    components |= {str(cid): {"s": cid - 1, "0": str(cid)} for cid in range(2, count)}
    rows = {"s": ["<li>", "</li>"], "d": [[cid] for cid in range(1, count)]}
    tree = Rendered({"s": ["", ""], "0": rows, "c": dict(reversed(components.items()))})
    assert tree.html().count("data-phx-component") == count - 1
    with pytest.raises(TreeError, match="shares its own statics"):
        tree.merge({"c": {"9001": {"s": 9002, "0": ""}, "9002": {"s": 9001, "0": ""}}})


def test_the_numbers_of_components_and_rows_have_limits() -> None:
    component = {"s": ["<b></b>"]}
    with pytest.raises(TreeError, match="over 65536 components"):
        Rendered({"s": [""], "c": dict.fromkeys(map(str, range(1, rendered.MAX_COMPONENTS + 2)), component)})
    tree = Rendered({"s": ["", ""], "0": {"s": ["<i>", "</i>"], "k": {"kc": 0}}})
    with pytest.raises(TreeError, match="the number of rows"):
        tree.merge({"0": {"k": {"kc": diff.MAX_ROWS + 1}}})


def test_rows_that_double_end_at_the_size_of_a_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Rendered({"s": ["", ""], "0": {"s": ["<i>", "</i>"], "k": {"0": {"0": "x" * 1000}, "kc": 1}}})
    count = 1
    with pytest.raises(TreeError, match="the tree takes over"):  # noqa: PT012 - some of them are merged
        while True:
            moves = {str(at): at // 2 for at in range(2 * count)}
            tree.merge({"0": {"k": {**moves, "kc": 2 * count}}})
            count *= 2
    assert len(tree.html()) < rendered.MAX_TREE_BYTES


def test_html_that_doubles_with_each_component_has_a_limit() -> None:
    chain = {str(cid): {"s": ["<b>", "", "</b>"], "0": cid + 1, "1": cid + 1} for cid in range(1, 60)}
    chain["60"] = {"s": ["<b>x</b>"]}
    tree = Rendered({"s": ["", ""], "0": 1, "c": chain})
    with pytest.raises(TreeError, match="the view's HTML has over"):
        tree.html()
    chain = {cid: {**component, "s": ["", "", ""][: len(component["s"])]} for cid, component in chain.items()}
    with pytest.raises(TreeError, match="the view's HTML has over"):
        Rendered({"s": ["", ""], "0": 1, "c": chain}).html()


def test_an_error_names_what_was_wrong() -> None:
    tree = Rendered({"s": ["<p>", "</p>"], "0": "a"})
    for message, said in (
        ({"1": "b"}, "the diff has the cell 1 of a template with 1"),
        ({"0": None}, "a cell is a text, a template or a component's id, not None"),
        ({"0": {"0": "x"}}, "a new template has statics `s`, and this one has none"),
        ({"0": {"s": 3}}, "the template 3 is not in the message's `p`"),
        ({"0": 5}, "the tree has the component 5, which is not known"),
        ({"c": {"5": {"0": ""}}}, "the diff changes the component 5, which is not known"),
        ({"e": {}}, "events are a list, not {}"),
        ({"t": 5}, "a title is a text, not 5"),
    ):
        with pytest.raises(TreeError, match=said):
            tree.merge(json.loads(json.dumps(message)))
    assert tree.html() == "<p>a</p>"
