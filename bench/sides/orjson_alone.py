"""orjson on a message's payload, in a loop of its own: what decoding is held to; one line of JSON.

    python sides/orjson_alone.py COUNT

COUNT is of payloads.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from sender import BODY


def loads_each(payload, count):
    for _ in range(count):
        orjson.loads(payload)


def main():
    payload, count = BODY.encode(), int(sys.argv[1])
    loads_each(payload, count // 10)
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    loads_each(payload, count)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({"cpu_ns": cpu_s / count * 1e9, "wall_ns": wall_s / count * 1e9}))


if __name__ == "__main__":
    main()
