"""What all tests share."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("fastphx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fastphx")

# What a test connects to is on this machine, whatever proxy the machine goes through.
for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

# Locust patches the process that imports it; its own processes are started without this.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

# A shell has what it starts in the background ignore Ctrl-C, and so does what that starts in its turn.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SLOW_FILES = (
    "locust/test_running.py",
    "hostile/test_subjects.py",
    "load/test_trust.py",
    "load/test_scenarios.py",
    "locust/test_distributed.py",
    "client/test_soak.py",
    "testing/test_conformance.py",
    "locust/test_page.py",
    "load/test_run.py",
    "house/test_pages.py",
    "load/test_reports.py",
    "load/test_scripts.py",
    "locust/test_journeys.py",
    "load/test_verdict.py",
    "load/test_limit_runs.py",
    "load/test_hostile_text.py",
    "load/test_journey_runs.py",
    "load/test_library.py",
    "examples/test_load.py",
)
"""Those that take longest, longest first: one that began last would run alone, on one core of two."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of SLOW_FILES come first, and the rest in its own order."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(SLOW_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """What was collected stays until the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """The level of fastphx' log: a command that runs in this process sets it for the process."""
    log = logging.getLogger("fastphx")
    level = log.level
    yield
    log.setLevel(level)
