"""Each target over the inputs that are kept, once, without a sanitizer."""

from __future__ import annotations

import pytest

from tests.fuzz.kept_inputs import read_kept
from tests.fuzz.targets import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_holds(name: str) -> None:
    target = load(name)
    inputs = read_kept(name)
    assert inputs, f"tests/fuzz/corpus/{name}.txt keeps no input"
    for data in inputs:
        assert len(data) <= target.MAX_BYTES
        try:
            target.check(data)
        except BaseException as error:
            error.add_note(f"{name}: {data!r}")
            raise
