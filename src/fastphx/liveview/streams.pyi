from typing import Any, final

@final
class StreamChange:
    """What one message says of a stream, without its rows (compiled).

    An insert says how a row comes into its stream: at 0 is first, -1 last; the limit is how many rows stay, at
    the front, or at the end where it is negative; a row that is update-only is left out where it is not there.
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

    def __init__(self) -> None: ...
    def __len__(self) -> int: ...
    def ids(self) -> list[str]:
        """The ids of the rows, in order."""

    def cells(self) -> list[list[Any]]:
        """The rows, in order."""
