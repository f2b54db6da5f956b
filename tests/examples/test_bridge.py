"""`examples/bridge/`: processes are killed, added and ended, and no message is missing unsaid."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("redis", reason="redis is not installed: pip install redis")

from tests.examples.bridge_run import run

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed: apt-get install redis-server"
)


@pytest.mark.parametrize("replays", [True, False])
def test_nothing_is_missing_unsaid(tmp_path: Path, replays: bool) -> None:
    streams = run(tmp_path, topics=120, processes=3, rate=240, replays=replays).streams
    assert streams.messages > 500
    assert streams.holes == 0
    assert (streams.gaps == 0) == replays
