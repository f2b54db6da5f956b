from typing import Any, final

@final
class StreamChange:
    """What one message says of a stream, without its rows (compiled).

    An insert is where its row comes in, 0 first and -1 last; how many rows stay, at the front, or at the end
    where that is negative; and whether it is left out where it is not there yet.
    """

    @property
    def ref(self) -> str: ...
    @property
    def inserts(self) -> dict[str, tuple[int, int, bool]]: ...
    @property
    def deletes(self) -> list[str]: ...
    @property
    def reset(self) -> bool: ...

@final
class StreamRows:
    """The rows of one stream, in order, by their ids (compiled; `rendered` changes it)."""

    def __len__(self) -> int: ...
    def ids(self) -> list[str]:
        """The ids of the rows, in order."""

    def nodes(self) -> list[Any]:
        """The rows, in order: each with the statics that it came with."""
