"""One file that holds what a target is to read, in memory where the machine has a folder for that."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")


class MemoryFile:
    """*name* in a folder of its own, which goes with the process."""

    def __init__(self, name: str) -> None:
        folder = tempfile.mkdtemp(
            prefix="fastphx-fuzz-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
        )
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.path = Path(folder, name)

    def holding(self, data: bytes) -> str:
        """Its path, once *data* is in it."""
        self.path.write_bytes(data)
        return str(self.path)
