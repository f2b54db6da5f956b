from typing import Any, final

@final
class Writing:
    """Gathers texts into one (compiled)."""

@final
class Markup:
    """Writes a tree as HTML, with *components* by their cids and *pins* by the elements' ids (compiled)."""

    def __init__(self, components: dict[int, Any], pins: dict[str, Any]) -> None: ...
