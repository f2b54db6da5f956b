"""Which Phoenix the suite runs against."""

from __future__ import annotations

import pytest

from tests.phoenix.conftest import NAMED, START
from tests.phoenix.phoenix import version_tuple


def test_a_phoenix_is_named(request: pytest.FixtureRequest) -> None:
    if not NAMED and not START:
        pytest.skip("no Phoenix is named: make conformance PHOENIX=ws://127.0.0.1:4000/socket")
    phoenix = request.getfixturevalue("phoenix")
    assert phoenix.version >= (1, 5)
    assert phoenix.adapter in ("bandit", "cowboy")
    assert version_tuple(phoenix.versions[phoenix.adapter])
