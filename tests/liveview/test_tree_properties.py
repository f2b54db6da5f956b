"""Random trees and diffs: merged and written, they are the server's new tree."""

from __future__ import annotations

import orjson
import pytest

from fastphx.liveview.rendered import Rendered
from tests.liveview.random_server import RandomServer, Style

STYLES = {
    "0.20": Style(keyed=False, marked=False, shared=False, last_first=False),
    "1.0": Style(keyed=False, marked=False, shared=False),
    "1.1": Style(marked=False),
    "1.2": Style(),
}
SEEDS = 80
STEPS = 8


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_merging_then_rendering_is_rendering_the_servers_new_tree(style: Style) -> None:
    for seed in range(SEEDS):
        server = RandomServer(seed, style)
        tree = Rendered(orjson.loads(orjson.dumps(server.message())))
        assert tree.html() == server.html(), f"seed {seed}, the join"
        for step in range(STEPS):
            server.step()
            message = orjson.loads(orjson.dumps(server.message()))
            tree.merge(message)
            assert tree.html() == server.html(), f"seed {seed}, step {step}: {message}"
