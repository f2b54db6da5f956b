"""Every recording, played by our browser: what it sends, and the page that it then has, are the browser's."""

from __future__ import annotations

import pytest

from fastphx.liveview import live_socket
from tests.liveview.played import Played, play
from tests.liveview.recordings import VERSIONS, recordings

NOT_PLAYED = {
    "counter_longpoll": "the same as counter, over the other transport",
    "heartbeat": "the counter, after half a minute",
}
DIFFERENT = {
    "lv020 nested frame 1": "0.20 sends the page's URL with the join of a sticky view, too, and "
    "ours does not know the version before the first join is answered",
}
"""What differs, with the reason."""

COUNTS = {"lv020": (252, 346), "lv11": (255, 356), "lv12": (255, 355)}
"""Steps, and the frames that the client has sent."""


@pytest.mark.parametrize("version", VERSIONS)
async def test_our_browser_does_what_the_recorded_one_did(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "REJOIN_S", (0.01,))
    total = Played()
    for page in recordings(version):
        if page not in NOT_PLAYED:
            played = await play(version, page)
            total.steps += played.steps
            total.dom_equal += played.dom_equal
            total.frames += played.frames
            total.frames_equal += played.frames_equal
            total.differing += played.differing
    unexplained = [each for each in total.differing if not any(each.startswith(known) for known in DIFFERENT)]
    assert not unexplained, "\n".join(unexplained)
    steps, frames = COUNTS[version]
    differing = len(total.differing)
    assert (total.steps, total.dom_equal) == (steps, steps)
    assert (total.frames, total.frames_equal) == (frames, frames - differing)
