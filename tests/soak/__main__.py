"""Runs the soak: starts its parts, samples them, and says what grows. Exit code 1 if anything does."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from tests.free_port import free_port
from tests.soak.chart import memory_chart
from tests.soak.inside import INTERVAL_S
from tests.soak.slope import T_ALONE, T_TOGETHER, Key, Slope, slopes_of

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 30.0
KILL_AFTER_S = 10.0
LOAD = ("--scenario", "churn", "--rate", "20", "--stay", "5s", "--quiet")
MEMORY = "memory, KiB"
KEPT: dict[Key, float] = {("load", MEMORY): 3600 * 2.5}
"""What a part keeps on purpose, an hour: `fastphx load` a row of its result for each second, of 2.3 KiB."""
UNCACHED = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""glibc's malloc keeps up to 236 KB of what was freed for each thread, and counts it as in use. Rare sizes
fill that for hours, which looks like a leak."""
IS_COUNT = " (a count)"
"""What is named so is what was done, not what is held."""

Series = dict[Key, list[tuple[float, float]]]
"""The samples of each process and figure: seconds since the begin, and the value."""


class Part:
    """One process of the soak."""

    def __init__(self, name: str, *command: str, reports: bool = True) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if reports else subprocess.DEVNULL,
            text=True,
            env={**os.environ, **UNCACHED},
        )
        self.inside: Mapping[str, float] = {}
        if reports:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.inside = json.loads(line)

    def processes(self) -> Iterator[tuple[str, psutil.Process]]:
        """The process and its children, each by a name that stays the same."""
        process = psutil.Process(self.process.pid)
        yield self.name, process
        for number, child in enumerate(sorted(process.children(), key=lambda child: child.pid)):
            yield f"{self.name}: worker {number}", child

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(KILL_AFTER_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def sample(part: Part, at_s: float, series: Series) -> None:
    """Take down what the part's processes hold now. Raises RuntimeError if one has ended."""
    try:
        for name, process in part.processes():
            with process.oneshot():
                series[name, MEMORY].append((at_s, process.memory_info().rss / 1024))
                series[name, "open files"].append((at_s, process.num_fds()))
                series[name, "threads"].append((at_s, process.num_threads()))
    except psutil.NoSuchProcess:
        raise RuntimeError(f"{part.name} has ended: nothing may, before the time is up") from None
    for figure, value in part.inside.items():
        series[part.name, figure].append((at_s, value))


def run(hours: float) -> Series:
    """The samples of a soak of *hours*."""
    port = free_port()
    url = f"ws://127.0.0.1:{port}/socket"
    series: Series = defaultdict(list)
    parts = [Part("server", "-m", "tests.soak.server", str(port))]
    try:
        wait_for(port)
        duration_s = math.ceil(hours * 3600) + 60
        parts += [
            Part("clients", "-m", "tests.soak.clients", url),
            Part("behaviours", "-m", "tests.soak.behaviours", url),
            Part("worker", "-m", "tests.soak.worker", url, str(duration_s)),
            Part("load", "-m", "fastphx", "load", url, *LOAD, "--duration", f"{duration_s}s", reports=False),
        ]
        begin_s = time.monotonic()
        while (at_s := time.monotonic() - begin_s) < hours * 3600:
            for part in parts:
                if part.process.poll() is not None:
                    raise RuntimeError(f"{part.name} has ended with code {part.process.returncode}")
                sample(part, at_s, series)
            time.sleep(INTERVAL_S)
    finally:
        for part in reversed(parts):
            part.stop()
    return series


def wait_for(port: int) -> None:
    """Until the server listens. Raises TimeoutError."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while not any(
        each.laddr and each.laddr.port == port and each.status == psutil.CONN_LISTEN
        for each in psutil.net_connections("tcp")
    ):
        if time.monotonic() > deadline_s:
            raise TimeoutError("the soak's server does not listen")
        time.sleep(0.1)


def table(slopes: Mapping[Key, Slope]) -> str:
    """As Markdown."""
    rows = [
        "| process | figure | level | growth an hour | 95 % interval | 95 % for all together | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key, slope in slopes.items():
        process, figure = key
        verdict = "kept on purpose" if slope.grows_beyond(0) else "steady"
        if slope.grows_beyond(KEPT.get(key, 0.0)):
            verdict = "GROWS"
        alone, together = ("{:,.3g} to {:,.3g}".format(*slope.interval(t)) for t in (T_ALONE, T_TOGETHER))
        rows.append(
            f"| {process} | {figure} | {slope.level:,.5g} | {slope.an_hour:,.3g} "
            f"| {alone} | {together} | {verdict} |"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--samples", type=Path, help="write the samples there, as JSON")
    parser.add_argument("--chart", type=Path, help="draw the memory there, as SVG")
    options = parser.parse_args()
    try:
        series = run(options.hours)
    except (RuntimeError, TimeoutError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    if options.samples is not None:
        options.samples.write_text(json.dumps([[*key, rows] for key, rows in series.items()]))
    if options.chart is not None:
        memory = {process: rows for (process, figure), rows in series.items() if figure == MEMORY}
        options.chart.write_text(memory_chart(memory))
    held = {key: rows for key, rows in series.items() if not key[1].endswith(IS_COUNT)}
    try:
        slopes = slopes_of(held)
    except ValueError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 2
    print(table(slopes))
    for (process, figure), rows in series.items():
        if figure.endswith(IS_COUNT):
            print(f"{process}: {rows[-1][1]:,.0f} {figure.removesuffix(IS_COUNT)}")
    return int(any(slope.grows_beyond(KEPT.get(key, 0.0)) for key, slope in slopes.items()))


if __name__ == "__main__":
    sys.exit(main())
