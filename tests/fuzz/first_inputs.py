"""What a run begins with: the inputs that are kept, and those that were recorded."""

from __future__ import annotations

from tests.fuzz.kept_inputs import read_kept
from tests.fuzz.targets import load


def first_inputs(name: str) -> list[bytes]:
    """Those of one target, in an order that is always the same."""
    target = load(name)
    return sorted({data[: target.MAX_BYTES] for data in (*read_kept(name), *target.seeds())})
