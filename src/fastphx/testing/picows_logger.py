"""Where picows logs what befalls the server's connections."""

from __future__ import annotations

import logging
from typing import Final

# An adapter, because picows makes a Logger a connection of anything else.
PICOWS_LOGGER: Final = logging.LoggerAdapter(logging.getLogger("fastphx.testing.picows"), None)
