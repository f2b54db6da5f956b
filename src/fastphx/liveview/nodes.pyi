from typing import final

from fastphx.liveview.tags import Region

@final
class Statics:
    """The fixed texts of a template, shared by all views of the process, and where elements with
    ``phx-update`` are in it."""

    def __init__(self, parts: tuple[str, ...]) -> None: ...
    @property
    def parts(self) -> tuple[str, ...]: ...
    @property
    def slots(self) -> int: ...
    @property
    def regions(self) -> tuple[Region, ...]: ...

@final
class Node:
    """A template with its cells (compiled; `rendered` fills it)."""

@final
class Rows:
    """A comprehension: one template and the cells of each row, or a stream's table (compiled)."""
