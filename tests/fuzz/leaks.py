"""Whether one target's inputs leak memory: ``python -m tests.fuzz.leaks NAME FOLDER``, from `tests.fuzz`.

LeakSanitizer finds memory that nothing points to any more. A process of its own, for libFuzzer ends its
process without a look.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from pathlib import Path

from tests.fuzz.targets import load


def check_all(name: str, folder: Path) -> None:
    target = load(name)
    for path in sorted(folder.iterdir()):
        target.check(path.read_bytes())
    gc.collect()


def main() -> int:
    # In a thread that is over before the look: what only a running Python frame points to would seem lost.
    thread = threading.Thread(target=check_all, args=(sys.argv[1], Path(sys.argv[2])))
    thread.start()
    thread.join()
    return int(ctypes.CDLL(None).__lsan_do_recoverable_leak_check() != 0)


if __name__ == "__main__":
    sys.exit(main())
