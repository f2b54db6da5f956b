"""A file is read to a bound, in parts."""

import io

import pytest

from fastphx.operating_system.read_at_most import read_at_most


class Counted(io.BytesIO):
    """A file that knows how much was asked for at once."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        self.largest = max(self.largest, size)
        return super().read(size)


@pytest.mark.parametrize(
    ("size", "max_bytes"), [(0, 5), (5, 5), (6, 5), (3 << 20, 1 << 30), (3 << 20, 2 << 20)]
)
def test_as_much_as_there_is_and_never_more_than_is_asked_for(size: int, max_bytes: int) -> None:
    file = Counted(b"x" * size)
    assert read_at_most(file, max_bytes) == b"x" * min(size, max_bytes)
    assert file.largest <= 1 << 20


def test_what_lies_behind_it_stays() -> None:
    file = io.BytesIO(b"abcdef")
    assert (read_at_most(file, 4), file.read()) == (b"abcd", b"ef")
