"""How long a worker waits, and how long it is waited for."""

from __future__ import annotations

HELLO_TIMEOUT_S = 30.0
"""For a worker process to start and say so."""
GRACE_S = 10.0
"""What a worker may take beyond the plan's own times, before it counts as stuck."""
ABORT_TIMEOUT_S = 1.0
"""For connections that were cut to be gone."""
STATS_INTERVAL_S = 1.0
"""Between two lines of what a worker has counted."""
QUIET_S = 1.0
"""At the end deliveries that other workers may have published are waited for until none came for so long."""
