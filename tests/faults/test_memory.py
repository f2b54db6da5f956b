"""Where an allocation of the compiled code fails, a MemoryError comes of it; things go on, or end as they
should."""

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
COUNTED = (
    "a push and its reply",
    "a message with escapes",
    "a long frame to be sent",
    "histograms",
    "a second topic",
    "a crash of the channel",
    "the end of the connection",
    "a frame comes in parts",
    "fragments are read",
    "a deflated message is written",
    "the pushes of a load run time out",
)

INTEGERS_ONLY = {
    "a join of a load run is answered",
    "a push of a load run is answered",
    "a stamped message of a load run",
}


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
    assert list(counted) == OPERATIONS
    return counted


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 14),
    reason="where a function cannot be made, Python 3.12 and 3.13 free its code twice",
)
def test_each_allocation_of_python_may_fail() -> None:
    pytest.importorskip("_testcapi")
    counted = borne("python")
    assert sum(counted.values()) > 1000
    # Python 3.14 takes small integers from a list of its own, and they are all that these ask for.
    no_memory = INTEGERS_ONLY if sys.version_info >= (3, 14) else set()
    assert {name for name, count in counted.items() if not count} <= no_memory


@pytest.mark.skipif(sys.platform != "linux", reason="the allocations of glibc are failed")
def test_each_allocation_of_a_compiled_module_may_fail(tmp_path: Path) -> None:
    counted = borne("libc", **preloaded("failing_malloc", tmp_path))
    assert counted["pushes until the table grows"] > 3
    assert counted["joins until the table grows"] > 1
    for name in COUNTED:
        assert counted[name], name
