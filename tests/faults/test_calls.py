"""Where a call of the system fails, it is an error of fastphx or a loss that is counted, and things go on.
``python -m tests.faults`` runs all cells; here are some of each kind."""

from __future__ import annotations

import sys

import pytest

from tests.faults.tables import cells_of, run_table

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the calls of glibc are failed")

REPORTS = ("report --html", "report --junit", "report --hgrm", "report DIR")
READ = ("report, a kept result", "compare, kept results", "a plan", "rows of data", "a script")


def test_each_call_of_a_connection_may_fail() -> None:
    cells, wrong = run_table("calls", "uvloop", "client again", "load")
    assert wrong == []
    assert cells_of(cells) > 100
    assert all(count for name, count in cells["client again"].items() if "getpeername" not in name)


def test_each_call_of_a_command_for_its_files_may_fail() -> None:
    cells, wrong = run_table("commands", *REPORTS, *READ, "push", "serve, its port")
    assert wrong == []
    assert cells_of(cells) > 80
    for site in (*REPORTS, *READ):
        assert all(cells[site].values()), (site, cells[site])
