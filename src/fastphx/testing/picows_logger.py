"""Where picows logs what happens to the server's connections."""

from __future__ import annotations

import logging
from typing import Final

# An adapter, because from anything else picows makes a Logger for each connection.
PICOWS_LOGGER: Final = logging.LoggerAdapter(logging.getLogger("fastphx.testing.picows"), None)
