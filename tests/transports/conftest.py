"""Every test here runs on both event loops: they differ in when they write, pause and close."""

import asyncio
from collections.abc import Callable

import pytest
import trustme

from tests.loops import LOOPS


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()
