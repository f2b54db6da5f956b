"""A Python that was told to run without the global interpreter lock is refused in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPORT = """
import sys

class Flags:
    gil = {gil}
    def __getattr__(self, name):
        return getattr(real, name)

real, sys.flags = sys.flags, Flags()
try:
    import fastphx
except ImportError as error:
    print(error)
else:
    print(fastphx.connect.__name__)
"""


@pytest.mark.parametrize(
    ("gil", "said"), [(0, "fastphx needs the global interpreter lock"), (None, "connect"), (1, "connect")]
)
def test_it_is_refused_at_import(gil: int | None, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(gil=gil)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith(said), done
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
