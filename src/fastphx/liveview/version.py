"""The server's LiveView version, and what its client does differently for it."""

from __future__ import annotations

import re
from typing import NamedTuple, Self


class Version(NamedTuple):
    """As ``liveview_version`` of a join's answer says it, from 0.20.15."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: object) -> Self | None:
        """None for what is no version."""
        found = re.match(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", text) if isinstance(text, str) else None
        return None if found is None else cls(*(int(part) for part in found.groups()))

    @property
    def has_mount_attempts(self) -> bool:
        """``_mount_attempts`` in a join's params, from 1.0."""
        return self >= (1, 0, 0)

    @property
    def has_history_edges(self) -> bool:
        """The browser's buttons do what was done between two places, from 1.0; before, what led to one."""
        return self >= (1, 0, 0)

    @property
    def has_sticky(self) -> bool:
        """``sticky`` in a join, from 1.0.10."""
        return self >= (1, 0, 10)


SHARED_VALUES = Version(1, 0, 0)
"""From this version on, what one ``push`` of an action adds to the values stays for the next."""
UNUSED_FIELDS = Version(1, 0, 0)
"""From this version on, a field that nobody has used goes with an ``_unused_`` field in front of it."""
META_TARGET = Version(1, 0, 6)
"""From this version on, ``_target`` goes in the event's ``meta``, and no more in its form data."""
TRIGGERED_SUBMITTER = Version(1, 0, 13)
"""From this version on, ``phx-trigger-action`` sends the name of the button that submitted the form, too."""
NO_UNUSED_FIELD = Version(1, 2, 0)
"""From this version on, ``phx-no-unused-field`` on a field or a form leaves out the ``_unused_`` ones."""
