"""The event loops that a test runs on, by name."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
# There is no uvloop for Windows.
if sys.platform != "win32":
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop
