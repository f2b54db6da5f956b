"""Nothing but DecodeError comes of a frame, however it is damaged."""

from __future__ import annotations

from tests.protocol.random_frames import run


def test_whatever_arrives_is_a_message_or_a_decode_error() -> None:
    seen = run(20_000, seed=20_000)
    assert seen["decoded"] > 5_000
    assert seen["refused"] > 5_000
    expected = {
        "on_bad_frame",
        "on_unknown_topic",
        "on_message",
        "on_reply",
        "on_joined",
        "on_closed",
        "on_errored",
    }
    assert expected <= {name for name, times in seen.items() if times > 10}
