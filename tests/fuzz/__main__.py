"""``python -m tests.fuzz SECONDS [TARGET…]``, from `ci/fuzz`: all targets, one after the other.

Says of each how often it was executed, what it covers more than before, and what was found. The exit code is
the number of targets with findings. Inputs that cover something new are kept in ``build/fuzz/TARGET/inputs``,
and those that fail in ``build/fuzz/TARGET/found``.

``python -m tests.fuzz keep [TARGET…]``: put the fewest of these inputs that cover as much into
``tests/fuzz/corpus``.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from tests.fuzz.kept_inputs import read_kept, write_kept
from tests.fuzz.sanitized import ROOT, run_sanitized
from tests.fuzz.targets import NAMES, load

WORK = ROOT / "build" / "fuzz"
INPUT_TIMEOUT_S = 60
MEMORY_MB, ALLOCATION_MB = 4096, 256
SHOWN_LINES = 60
_COVERAGE = re.compile(r"\bcov: (\d+) ")
_EXECUTIONS = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.M)
_ROUND = re.compile(r"^#(\d+)\t", re.M)


@dataclass
class Outcome:
    executions: int
    covered_before: int
    covered: int
    failed: bool


def prepare(name: str) -> Path:
    """The target's folder, with what is kept and recorded among its inputs."""
    folder = WORK / name
    for part in ("inputs", "found"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    target = load(name)
    for data in (*read_kept(name), *target.seeds()):
        (folder / "inputs" / sha1(data).hexdigest()).write_bytes(data[: target.MAX_BYTES])
    pieces = {"".join(f"\\x{byte:02x}" for byte in piece) for piece in target.PIECES if piece}
    (folder / "pieces.txt").write_text("".join(f'"{piece}"\n' for piece in sorted(pieces)))
    return folder


def fuzz(name: str, seconds: int) -> Outcome:
    folder = prepare(name)
    found_before = set((folder / "found").iterdir())
    log = folder / "log.txt"
    with log.open("w") as out:
        ran = run_sanitized(
            *("tests.fuzz.engine", name, str(folder / "inputs"), f"-dict={folder / 'pieces.txt'}"),
            *(
                f"-max_total_time={seconds}",
                f"-max_len={load(name).MAX_BYTES}",
                f"-timeout={INPUT_TIMEOUT_S}",
            ),
            *(f"-rss_limit_mb={MEMORY_MB}", f"-malloc_limit_mb={ALLOCATION_MB}", "-detect_leaks=0"),
            *("-print_final_stats=1", f"-artifact_prefix={folder / 'found'}/"),
            out=out,
        )
    text = log.read_text(errors="replace")
    covered = [int(each) for each in _COVERAGE.findall(text)] or [0]
    executed = _EXECUTIONS.search(text) or max(_ROUND.finditer(text), key=lambda at: int(at[1]), default=None)
    if ran.returncode != 0:
        print("\n".join(text.splitlines()[-SHOWN_LINES:]))
        for path in sorted(set((folder / "found").iterdir()) - found_before):
            print(f"{path.relative_to(ROOT)}: {path.read_bytes()!r}")
    return Outcome(int(executed[1]) if executed else 0, covered[0], covered[-1], ran.returncode != 0)


def leaks(name: str) -> bool:
    """Whether an input of *name* leaks memory."""
    arguments = ("tests.fuzz.leaks", name, str(WORK / name / "inputs"))
    if run_sanitized(*arguments).returncode == 0:
        return False
    print("\n".join(run_sanitized(*arguments, whole_stacks=True).stdout.splitlines()[-SHOWN_LINES:]))
    return True


def fuzz_all(names: list[str], seconds: int) -> int:
    print(f"{'target':<16} {'executions':>12} {'covered':>8} {'new':>6}  found", flush=True)
    total = failed = 0
    for name in names:
        outcome = fuzz(name, max(1, seconds // len(names)))
        found = ", ".join(["a failure"] * outcome.failed + ["a leak"] * leaks(name)) or "nothing"
        new = outcome.covered - outcome.covered_before
        print(f"{name:<16} {outcome.executions:>12,} {outcome.covered:>8,} {new:>6,}  {found}", flush=True)
        total += outcome.executions
        failed += found != "nothing"
    print(f"{'all':<16} {total:>12,}", flush=True)
    return failed


def keep(name: str) -> None:
    folder = prepare(name)
    with tempfile.TemporaryDirectory() as fewest:
        ran = run_sanitized(
            *("tests.fuzz.engine", name, "-set_cover_merge=1", "-use_counters=0", "-detect_leaks=0"),
            *(f"-max_len={load(name).MAX_BYTES}", fewest, str(folder / "inputs")),
        )
        if ran.returncode != 0:
            sys.exit(ran.stdout)
        write_kept(name, [path.read_bytes() for path in Path(fewest).iterdir()])
    print(f"{name}: {len(read_kept(name))} inputs are kept")


def main() -> int:
    names = sys.argv[2:] or NAMES
    if sys.argv[1] != "keep":
        return fuzz_all(names, int(sys.argv[1]))
    for name in names:
        keep(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
