"""What several tests of load runs start from."""

from __future__ import annotations

import pytest

from fastphx.load.scenarios import SCENARIOS

from .journey_lines import Journey


@pytest.fixture
def journeys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans may have the scenario ``journey``."""
    monkeypatch.setitem(SCENARIOS, Journey.name, Journey)
