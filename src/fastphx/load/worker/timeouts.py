"""How long the end of a run waits for others."""

from __future__ import annotations

ABORT_TIMEOUT_S = 1.0
"""For connections that were cut to be gone."""
QUIET_S = 1.0
"""At the end deliveries that other workers may have published are waited for until none came for so long."""
