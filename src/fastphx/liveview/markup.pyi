from typing import Any, final

@final
class Pieces:
    """Gathers texts and joins them (compiled)."""

@final
class Markup:
    """Writes a tree as HTML, with *components* by their cids and *pins* by the elements' ids (compiled)."""

    def __init__(self, components: dict[int, Any], pins: dict[str, Any]) -> None: ...
