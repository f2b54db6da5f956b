"""A clock that leaps and a loop that stalls end nothing that goes on. ``python -m tests.faults clocks`` runs
all cells, with a load run among them."""

from __future__ import annotations

import sys

import pytest

from tests.faults.clocks import ODDITIES
from tests.faults.tables import run_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clocks of glibc leap")


def test_clocks_that_leap_and_loops_that_stall() -> None:
    cells, wrong = run_table("clocks", "heartbeats", "reconnects")
    assert wrong == []
    assert all(counts.keys() == ODDITIES.keys() for counts in cells.values())
