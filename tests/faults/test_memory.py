"""Where an allocation of the compiled core fails, a MemoryError comes of it, and everything goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.memory import OPERATIONS
from tests.faults.preloaded import preloaded

TIMEOUT_S = 120.0


def borne(kind: str, **environment: str) -> dict[str, int]:
    """How many allocations of each operation have failed, one at a time."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.memory", kind],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    counted: dict[str, int] = json.loads(done.stdout)
    assert counted.keys() == OPERATIONS.keys()
    return counted


def test_each_allocation_of_python_may_fail() -> None:
    pytest.importorskip("_testcapi")
    counted = borne("python")
    assert sum(counted.values()) > 500
    assert all(counted[name] for name in OPERATIONS if name != "the end of the connection")


@pytest.mark.skipif(sys.platform != "linux", reason="the allocations of glibc are failed")
def test_each_allocation_of_a_compiled_module_may_fail(tmp_path: Path) -> None:
    counted = borne("libc", **preloaded("failing_malloc", tmp_path))
    assert counted["pushes until the table grows"] > 3
    assert counted["joins until the table grows"] > 1
    for name in ("a push and its reply", "a message with escapes", "a long frame to be sent", "histograms"):
        assert counted[name], name
