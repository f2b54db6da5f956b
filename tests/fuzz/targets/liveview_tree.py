"""A LiveView's rendered tree and its diffs. What is no diff is a TreeError and changes nothing; the same
diffs give the same HTML again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import orjson

from fastphx.liveview.errors import TreeError, ViewError
from fastphx.liveview.rendered import MAX_TREE_BYTES, Rendered
from tests.fuzz.pieces import JSON
from tests.fuzz.steps import BETWEEN
from tests.liveview.recordings import VERSIONS, recordings
from tests.liveview.test_rendered_damaged import JUNK, PAGES, messages

KEYS = ("s", "c", "d", "k", "kc", "km", "p", "r", "e", "t", "stream", "0", "1", "2")
PIECES = (
    *(BETWEEN, *JSON),
    *(f'"{key}":'.encode() for key in KEYS),
    *(b'"s":["<p>","</p>"]', b'"s":0', b'"s":-1', b'"p":{"0":["a","b"]}', b'"d":[["a",1]]', b"<textarea>"),
    *(b'"c":{"1":{"s":["<b>","</b>"],"0":"x"}}', b'"stream":["0",[["a",-1,null]],[]]', b"data-phx-skip"),
    *(b'"k":{"0":{"0":"a"},"kc":1}', b'"<i id=\\"a\\">"', b'phx-update=\\"ignore\\"', b"<!--", b"-->"),
    *(json.dumps(junk).encode() for junk in JUNK),
)
MAX_BYTES = 4000


def seeds() -> Iterable[bytes]:
    for version in VERSIONS:
        for page in PAGES:
            for history in messages(recordings(version).get(page, {"frames": []})):
                steps = [json.dumps(each, separators=(",", ":")).encode() for each in history]
                while len(data := BETWEEN.join(steps)) > MAX_BYTES:
                    steps.pop()
                yield data


def check(data: bytes) -> None:
    told: list[Any] = []
    for step in data.split(BETWEEN):
        try:
            told.append(orjson.loads(step))
        except orjson.JSONDecodeError:
            continue
    if not told:
        return
    first, *diffs = told
    try:
        tree = Rendered(deepcopy(first))
        html = shown(tree)
    except TreeError as error:
        assert str(error).isprintable()
        return
    merged = []
    for diff in diffs:
        ids = tree.component_ids
        try:
            changed = tree.merge(deepcopy(diff))
        except TreeError as error:
            assert str(error).isprintable()
            assert shown(tree) == html
            assert tree.component_ids == ids
            continue
        merged.append(diff)
        before, html = html, shown(tree)
        assert changed.dom or html == before
        assert not set(changed.removed_cids) & tree.component_ids
    again = Rendered(deepcopy(first))
    for diff in merged:
        again.merge(deepcopy(diff))
    # Built once at the end, and not after each diff.
    assert shown(again) == html


def shown(tree: Rendered) -> str:
    try:
        html = tree.html()
    except ViewError as error:
        return str(error)
    assert len(html) <= 4 * MAX_TREE_BYTES
    assert tree.html() == html
    return html
