"""Whether one target's inputs leak memory: ``python -m tests.fuzz.leaks NAME FOLDER``, from `tests.fuzz`.

LeakSanitizer finds memory that nothing points to any more. A process of its own, for libFuzzer ends its
process without a look.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.targets import load


def leaks_after(work: Callable[[], None]) -> bool:
    """Do *work*, and look whether it has left memory that nothing points to. Raises what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        gc.collect()

    # In a thread that is over before the look: what only a running Python frame points to would seem lost.
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return bool(ctypes.CDLL(None).__lsan_do_recoverable_leak_check())


def main() -> int:
    name, folder = sys.argv[1:]

    def check_all() -> None:
        target = load(name)
        for path in sorted(Path(folder).iterdir()):
            target.check(path.read_bytes())

    return int(leaks_after(check_all))


if __name__ == "__main__":
    sys.exit(main())
