"""What visits hand to each other, and its bounds."""

from __future__ import annotations

import pytest

from fastphx.load.journeys import run_data
from fastphx.load.journeys.run_data import RunData


def test_what_is_put_is_taken_oldest_first() -> None:
    data = RunData()
    assert data.put("seats", 1)
    assert data.put("seats", 2)
    assert [data.take("seats"), data.take("seats"), data.take("seats", "none")] == [1, 2, "none"]


@pytest.mark.parametrize(
    ("bound", "limit"), [("MAX_KEYS", 3), ("MAX_VALUES", 3), ("MAX_BYTES", 3 * (3 * 8 + 1 + 1000))]
)
def test_what_is_beyond_a_bound_is_not_taken_in(
    bound: str, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_data, bound, limit)
    data = RunData()
    text = "x" * 1000
    assert [data.put(key, text) for key in "abcd"] == [True, True, True, False]
    # What is taken makes room.
    assert data.take("b") == text
    assert data.put("d", text)
    assert not data.put("e", text)
