"""Runs the cells of a table in a process that has its faults preloaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.faults.preloaded import preloaded
from tests.faults.servers import right_servers

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 3600.0

Cells = Mapping[str, Mapping[str, int]]
"""How many there were of each site and fault."""


def run_table(module: str, *arguments: str) -> tuple[Cells, list[str]]:
    """Run ``python -m tests.faults.MODULE`` with two right servers and *arguments*: the cells that were run,
    and what is wrong."""
    with tempfile.TemporaryDirectory() as folder, right_servers() as servers:
        environment = {**os.environ, **preloaded("failing_calls", Path(folder)), "PYTHONPATH": str(ROOT)}
        empty = Path(folder, "empty")
        empty.mkdir()
        done = subprocess.run(
            [sys.executable, "-m", f"tests.faults.{module}", *servers, *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
            env=environment,
            cwd=empty,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    answer = json.loads(done.stdout)
    return answer["cells"], answer["wrong"]


def cells_of(cells: Cells) -> int:
    return sum(count for counts in cells.values() for count in counts.values())
