from typing import Any, final

MAX_ROWS: int
"""So many rows may a comprehension have."""

@final
class Changed:
    """What a message changed (compiled; `Rendered.merge` returns it)."""

    @property
    def dom(self) -> bool:
        """Whether the HTML may be another now."""

    @property
    def events_before(self) -> tuple[tuple[str, Any], ...]:
        """The events that the page gets before it is patched, with their payloads."""

    @property
    def events(self) -> tuple[tuple[str, Any], ...]:
        """The events that the page gets after it is patched, with their payloads."""

    @property
    def title(self) -> str | None: ...
    @property
    def reply(self) -> dict[str, Any] | None:
        """The reply to the event that this message answers."""

    @property
    def new_cids(self) -> tuple[int, ...]: ...
    @property
    def removed_cids(self) -> tuple[int, ...]:
        """The components that are no longer part of the view. The server keeps them until it is told."""
