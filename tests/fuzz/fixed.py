"""One target on inputs that are the same each time: ``python -m tests.fuzz.fixed NAME FILE``.

Those that a run begins with, and :data:`RUNS` more that are made of them, without a look at what they cover:
libFuzzer's own differ from one run to the next even from one seed, because coverage depends on keys and
clocks. Each is written to *FILE* before it is read, so that the one that ends the process is known.
LeakSanitizer looks at the end.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from random import Random

from tests.fuzz.first_inputs import first_inputs
from tests.fuzz.leaks import leaks_after
from tests.fuzz.targets import load

RUNS = 1000
MAX_CHANGES = 4
MAX_COPIED = 60
INPUT_CPU_S = 60


def inputs(name: str) -> Iterator[bytes]:
    first, target, random = first_inputs(name), load(name), Random(name)
    yield from first
    for _ in range(RUNS):
        data = bytearray(random.choice(first))
        for _ in range(random.randint(1, MAX_CHANGES)):
            change(data, first, target.PIECES, random)
        yield bytes(data[: target.MAX_BYTES])


def change(data: bytearray, others: Sequence[bytes], pieces: Sequence[bytes], random: Random) -> None:
    """Put a piece or a part of another input into *data*, cut something out, or change a byte."""
    at = random.randint(0, len(data))
    match random.randrange(6):
        case 0 | 1:
            data[at:at] = random.choice(pieces)
        case 2:
            other = random.choice(others)
            begin = random.randint(0, len(other))
            data[at : at + random.choice((0, MAX_COPIED))] = other[
                begin : begin + random.randint(1, MAX_COPIED)
            ]
        case 3:
            del data[at : at + random.randint(1, 16)]
        case 4 if at < len(data):
            data[at] = random.randrange(256)
        case 5:
            del data[at:]


def check_all(name: str, file: int) -> None:
    target = load(name)
    count = 0
    for data in inputs(name):
        os.ftruncate(file, 0)
        os.pwrite(file, data, 0)
        # In time of the processor, which other processes do not use up. What ends it says where it was.
        signal.setitimer(signal.ITIMER_PROF, INPUT_CPU_S)
        target.check(data)
        count += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(f"executed {count}", flush=True)


def main() -> int:
    name, path = sys.argv[1:]
    faulthandler.register(signal.SIGPROF, chain=True)
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    return int(leaks_after(lambda: check_all(name, file)))


if __name__ == "__main__":
    sys.exit(main())
