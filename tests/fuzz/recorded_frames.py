"""Every frame of the recordings of a running Phoenix, either side's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from fastphx.protocol.sink import BINARY, TEXT

DATA = Path(__file__).parent.parent / "data" / "websocket.json"


@cache
def recorded_frames() -> list[tuple[int, bytes]]:
    """(opcode, frame), in order."""
    frames = [frame for scenario in json.loads(DATA.read_text())["scenarios"] for frame in scenario["frames"]]
    return [
        (TEXT, frame["text"].encode()) if "text" in frame else (BINARY, bytes.fromhex(frame["hex"]))
        for frame in frames
        if "text" in frame or "hex" in frame
    ]
