"""``python -m tests.fuzz SECONDS [TARGET…]``, from `ci/fuzz`: all targets, one after the other.

Says of each how often it was executed, what it covers more than before, and what was found. The exit code is
1 if something was found. Inputs that cover something new are kept in ``build/fuzz/TARGET/inputs``, and those
that fail in ``build/fuzz/TARGET/found``.

``python -m tests.fuzz fixed [TARGET…]``: each target on inputs that are the same each time, so that what is
found depends on the code and not on luck. See `tests/fuzz/fixed.py`.

``python -m tests.fuzz threads``: what other threads may use, used by many. See `tests/fuzz/threads.py`.

``python -m tests.fuzz keep [TARGET…]``: put the fewest of these inputs that cover as much into
``tests/fuzz/corpus``.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from tests.fuzz.first_inputs import first_inputs
from tests.fuzz.kept_inputs import read_kept, write_kept
from tests.fuzz.sanitized import ROOT, run_sanitized
from tests.fuzz.targets import NAMES, load

WORK = ROOT / "build" / "fuzz"
INPUT_TIMEOUT_S = 60
MEMORY_MB, ALLOCATION_MB = 4096, 256
SHOWN_LINES = 60
_COVERAGE = re.compile(r"\bcov: (\d+) ")
_EXECUTIONS = re.compile(r"^stat::number_of_executed_units: (\d+)$", re.M)
_EXECUTED = re.compile(r"^executed (\d+)$", re.M)
_ROUND = re.compile(r"^#(\d+)\t", re.M)


@dataclass
class Outcome:
    executions: int
    covered_before: int
    covered: int
    found: list[str]


def prepare(name: str) -> Path:
    """The target's folder, with what is kept and recorded among its inputs."""
    folder = WORK / name
    for part in ("inputs", "found"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for data in first_inputs(name):
        (folder / "inputs" / sha1(data).hexdigest()).write_bytes(data)
    pieces = {"".join(f"\\x{byte:02x}" for byte in piece) for piece in load(name).PIECES if piece}
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
    found = []
    if ran.returncode != 0:
        found.append("a failure")
        show(text, sorted(set((folder / "found").iterdir()) - found_before))
    if leaks(name):
        found.append("a leak")
    return Outcome(int(executed[1]) if executed else 0, covered[0], covered[-1], found)


def show(text: str, paths: list[Path]) -> None:
    print("\n".join(text.splitlines()[-SHOWN_LINES:]))
    for path in paths:
        print(f"{path.relative_to(ROOT)}: {path.read_bytes()!r}")


def leaks(name: str) -> bool:
    """Whether an input of *name* leaks memory."""
    arguments = ("tests.fuzz.leaks", name, str(WORK / name / "inputs"))
    if run_sanitized(*arguments).returncode == 0:
        return False
    print("\n".join(run_sanitized(*arguments, whole_stacks=True).stdout.splitlines()[-SHOWN_LINES:]))
    return True


def fuzz_all(names: list[str], seconds: int) -> bool:
    """Whether something was found."""
    print(f"{'target':<16} {'executions':>12} {'covered':>8} {'new':>6}  found", flush=True)
    outcomes = []
    for name in names:
        outcome = fuzz(name, max(1, seconds // len(names)))
        new = outcome.covered - outcome.covered_before
        found = ", ".join(outcome.found) or "nothing"
        print(f"{name:<16} {outcome.executions:>12,} {outcome.covered:>8,} {new:>6,}  {found}", flush=True)
        outcomes.append(outcome)
    print(f"{'all':<16} {sum(each.executions for each in outcomes):>12,}", flush=True)
    return any(each.found for each in outcomes)


def fixed(name: str) -> tuple[int, str]:
    """How often *name* was executed, and what was found."""
    found = WORK / name / "found"
    found.mkdir(parents=True, exist_ok=True)
    # The input that was read last.
    last = WORK / name / "last"
    ran = run_sanitized("tests.fuzz.fixed", name, str(last))
    executed = _EXECUTED.search(ran.stdout)
    if ran.returncode == 0 and executed:
        return int(executed[1]), "nothing"
    if executed:
        show(ran.stdout, [])
        return int(executed[1]), "a leak"
    failed = [last.replace(found / sha1(last.read_bytes()).hexdigest())] if last.exists() else []
    show(ran.stdout, failed)
    return 0, "a failure"


def fixed_all(names: list[str]) -> bool:
    """Whether something was found; as many targets at a time as there are processors."""
    print(f"{'target':<16} {'executions':>12}  found", flush=True)
    total, has_found = 0, False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, (executions, found) in zip(names, pool.map(fixed, names), strict=True):
            print(f"{name:<16} {executions:>12,}  {found}", flush=True)
            total += executions
            has_found |= found != "nothing"
    print(f"{'all':<16} {total:>12,}", flush=True)
    return has_found


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
    how, *names = sys.argv[1:]
    names = names or NAMES
    if how == "keep":
        for name in names:
            keep(name)
        return 0
    if how == "threads":
        ran = run_sanitized("tests.fuzz.threads")
        print("\n".join(ran.stdout.splitlines()[-SHOWN_LINES:]))
        return int(ran.returncode != 0)
    if how == "fixed":
        return int(fixed_all(names))
    return int(fuzz_all(names, int(how)))


if __name__ == "__main__":
    sys.exit(main())
