"""One file that holds what a target is to read."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path


class MemoryFile:
    """*name* in a folder of its own, which goes with the process."""

    def __init__(self, name: str) -> None:
        folder = tempfile.mkdtemp(prefix="fastphx-fuzz-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.path = Path(folder, name)

    def holding(self, data: bytes) -> str:
        """Its path, once *data* is in it."""
        self.path.write_bytes(data)
        return str(self.path)
