"""What all tests share."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

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


@pytest.fixture(autouse=True)
def log_level() -> Iterator[None]:
    """The level of fastphx' log: a command that runs in this process sets it for the process."""
    log = logging.getLogger("fastphx")
    level = log.level
    yield
    log.setLevel(level)
