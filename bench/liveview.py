"""What a LiveView's tree costs: merging its diffs, its HTML, and its memory.

    python bench/liveview.py [--rounds 15] [--merges 20000]

Merging: a recorded page and one of its diffs, decoded and merged, beside decoding alone, in turns in one
process, by CPU; what merging adds is compared with decoding. Two more diffs have no target: a row that comes
into a stream, and two rows of 1,000 that change places. HTML: after a change, beside joining the same texts.
Memory: what Python allocates for a tree, by tracemalloc; the texts that templates share are counted once.
Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import itertools
import json
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from fastphx.liveview.rendered import Rendered
from interleave import Ratio, interleave, ratio

RECORDINGS = Path(__file__).parents[1] / "tests" / "data" / "liveview" / "lv12.json.gz"
ROUNDS, MERGES = 15, 20_000
MERGE_TARGET = 1.5
HTML_TARGET = 1.5
COUNTER_TARGET_KB = 30.0
PAGE_TARGET = 7.0
DIFFS_TARGET = 1.1

Diff = dict[str, Any]


def joined(page: str) -> bytes:
    """The tree that the join of a recorded page was answered with."""
    with gzip.open(RECORDINGS, "rb") as file:
        frames = json.load(file)[page]["frames"]
    for frame in frames:
        response = json.loads(frame["text"])[4].get("response", {}) if frame["dir"] == "in" else {}
        if "rendered" in response:
            return orjson.dumps(response["rendered"])
    raise ValueError(f"the recording of {page} has no join")


def cell(row: int, text: str) -> Diff:
    return {"2": {"0": {"k": {str(row): {"2": text}, "kc": 1000}}}}


def counted(n: int) -> Diff:
    return {"2": {"0": str(n), "1": "", "3": str(n), "4": "", "5": f' data-n="{n}"', "6": "", "8": str(n)}}


def inserted(n: int) -> Diff:
    row = {"0": f' id="item-{n}"', "1": f"item {n}", "2": f' phx-value-id="{n}"'}
    return {"2": {"0": {"k": {"0": row, "kc": 1}, "stream": ["0", [[f"item-{n}", -1, -50, False]], []]}}}


SWAP: Diff = {"2": {"0": {"k": {"0": 999, "999": 0, "kc": 1000, "km": True}}}}
DIFFS: dict[str, tuple[str, list[Diff], bool]] = {
    "one cell of 1,000 rows": ("big", [cell(37 * n % 1000, str(n)) for n in range(100)], True),
    "a click of the counter": ("counter", [counted(n) for n in range(100)], True),
    "a component": ("comp", [{"c": {"3": {"1": str(n)}}} for n in range(100)], True),
    "a row of a stream": ("list", [inserted(n) for n in range(100)], False),
    "two of 1,000 rows moved": ("big", [SWAP], False),
}
"""By name: the page, diffs of one kind, and whether merging them has a target."""


def cpu_ns(work: Callable[[bytes], object], frames: list[bytes], count: int) -> float:
    started = time.process_time_ns()
    for frame in itertools.islice(itertools.cycle(frames), count):
        work(frame)
    return (time.process_time_ns() - started) / count


def merging(page: str, diffs: list[Diff], count: int, rounds: int) -> tuple[Ratio, str]:
    """What merging costs on top of decoding, and both in nanoseconds."""
    tree = Rendered(orjson.loads(joined(page)))
    frames = [orjson.dumps(diff) for diff in diffs]

    def decode(frame: bytes) -> None:
        orjson.loads(frame)

    def merge(frame: bytes) -> None:
        tree.merge(orjson.loads(frame))

    samples = interleave(
        {
            "decoded": lambda: cpu_ns(decode, frames, count),
            "merged": lambda: cpu_ns(merge, frames, count),
        },
        rounds,
    )
    on_top = [both - alone for both, alone in zip(samples["merged"], samples["decoded"], strict=True)]
    note = f"{sorted(on_top)[rounds // 2]:.0f} ns on {sorted(samples['decoded'])[rounds // 2]:.0f} ns"
    return ratio(on_top, samples["decoded"]), note


def texts(tree: Any, templates: Any) -> Iterator[str]:
    """The texts of a tree of LiveView 1.1 and later, in order."""
    if isinstance(tree, str):
        yield tree
        return
    templates = tree.get("p", templates)
    statics = templates[str(tree["s"])]
    rows = [tree["k"][str(at)] for at in range(tree["k"]["kc"])] if "k" in tree else [tree]
    for row in rows:
        yield statics[0]
        for at, part in enumerate(statics[1:]):
            yield from texts(row[str(at)], templates)
            yield part


def html(count: int, rounds: int) -> tuple[Ratio, str]:
    """Writing the page of 1,000 rows after a change, beside joining its texts."""
    frame = joined("big")
    tree = Rendered(orjson.loads(frame))
    pieces = list(texts(orjson.loads(frame), None))
    assert tree.html() == "".join(pieces)

    def write(_: bytes) -> None:
        tree.merge({"0": ""})
        tree.html()

    sides = {
        "joined": lambda: cpu_ns(lambda _: "".join(pieces), [b""], count),
        "written": lambda: cpu_ns(write, [b""], count),
    }
    samples = interleave(sides, rounds)
    note = f"{len(pieces)} texts, {len(tree.html())} characters"
    return ratio(samples["written"], samples["joined"]), note


def allocated(make: Callable[[], object]) -> int:
    """Bytes that *make*'s result takes."""
    kept = make()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = make()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del kept
    return taken


def grown(frame: bytes) -> Rendered:
    tree = Rendered(orjson.loads(frame))
    for row in range(1000):
        tree.merge(orjson.loads(orjson.dumps(cell(row, f"{row} new"))))
    return tree


def memory() -> tuple[float, float, float]:
    """A tree of the counter page in KB; one of 1,000 rows by its HTML, and after 1,000 diffs by that."""
    counter, big = joined("counter"), joined("big")
    size = allocated(lambda: Rendered(orjson.loads(big)))
    return (
        allocated(lambda: Rendered(orjson.loads(counter))) / 1e3,
        size / len(Rendered(orjson.loads(big)).html()),
        allocated(lambda: grown(big)) / size,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--merges", type=int, default=MERGES)
    options = parser.parse_args()
    missed = 0
    for name, (page, diffs, held) in DIFFS.items():
        found, note = merging(page, diffs, options.merges, options.rounds)
        print(f"merging {name}, on top of decoding: {found} of decoding ({note})")
        missed += held and found.median > MERGE_TARGET
    found, note = html(max(1, options.merges // 100), options.rounds)
    print(f"HTML of 1,000 rows: {found} of joining its texts ({note})")
    missed += found.median > HTML_TARGET
    counter_kb, page_ratio, diffs_ratio = memory()
    print(f"a tree of the counter page: {counter_kb:.1f} KB")
    print(
        f"a tree of 1,000 rows: {page_ratio:.2f} of its HTML, and {diffs_ratio:.3f} of that after 1,000 diffs"
    )
    missed += counter_kb > COUNTER_TARGET_KB
    missed += page_ratio > PAGE_TARGET or diffs_ratio > DIFFS_TARGET
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
