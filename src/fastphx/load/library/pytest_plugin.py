"""A pytest fixture: a load run as a test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, Unpack

import pytest

if TYPE_CHECKING:
    from fastphx.load.library.run import What
    from fastphx.load.plan.plan_keys import PlanKeys
    from fastphx.load.result.result import Result

# The fixture imports what it needs, because every run of pytest loads this module.


class PhoenixLoad(Protocol):
    """What the fixture ``phoenix_load`` is."""

    def __call__(self, what: What = None, /, *, check: bool = True, **keys: Unpack[PlanKeys]) -> Result:
        """Run a load test, see :func:`fastphx.load.run`, and return its result. With *check*, the test fails
        where its exit code is not 0, with the reasons, the thresholds and the steps."""


@pytest.fixture
def phoenix_load() -> PhoenixLoad:
    """Runs a load test: ``phoenix_load("shop.py", arrivals="20/s", duration="5s", threshold=[…])``.

    What it shows meanwhile, and what the script prints, is in the test's captured output.
    """
    from fastphx.load.library.run import run_sync
    from fastphx.load.report.plain_progress import PlainProgress
    from fastphx.load.report.unwaiting_stream import UnwaitingStream

    def load(what: What = None, /, *, check: bool = True, **keys: Unpack[PlanKeys]) -> Result:
        __tracebackhide__ = True
        result = run_sync(what, progress=PlainProgress(UnwaitingStream(sys.stdout)), **keys)
        if check and result.exit_code != 0:
            from fastphx.load.report.plain_text import plain_text

            pytest.fail(plain_text(result.to_mapping()))
        return result

    return load
