"""Every performance target of fastphx, end to end: sides in their own processes, in turns, as ratios.

    python bench/e2e.py [--scale S] [--rounds N] [--only PART]

Prints a row for each target with its figure, spread, and whether it is met, and, where all parts ran, writes
them to ``bench/results/e2e.json``, ``bench/results/e2e.svg`` and the table of ``docs/performance.md``. Exit
code 0 whatever is met: what fails a change is ``ci/gate`` and ``ci/compare``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import bare_server
import call
import journey
import journey_http
import live_event
import live_page
import liveview
import load_node
import node
import process_tree
import sender
import trickle
from chart import bars
from hot_connection import SenderTooSlow, faster, measure
from interleave import Ratio, interleave, ratio

HERE = Path(__file__).parent
RESULTS = HERE / "results"
REALTIME = HERE / "build" / "realtime"
PAGE = HERE.parent / "docs" / "performance.md"
TABLE_STARTS, TABLE_ENDS = "<!-- The figures that follow are written by make bench-e2e. -->\n", "<!-- -->\n"
SIDE_TIMEOUT_S = 120
OF_RAW = " / raw picows frames"
COMPARED = {
    "decoded": "receive, decoded payload",
    "client": "receive, async client (lazy)",
    "counting": "receive, async client (lazy, the handler counts)",
    "behaviour": "receive, behaviour (decoded)",
    "phoenix.js": "receive, phoenix.js (decoded)",
    "websockets": "receive, websockets + json (decoded)",
    "realtime": "receive, realtime (decoded)",
}
"""Sides that the chart shows beside the lazy payload and the meter."""


@dataclass
class Row:
    """One target. *met* is None where there is no target, or where it could not be measured."""

    name: str
    target: str
    value: float | None
    spread: tuple[float, float] | None
    met: bool | None
    note: str = ""


def row(
    name: str,
    found: Ratio,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Row:
    met = None
    target = ""
    if at_least is not None:
        target, met = f"≥ {at_least:g}", found.median >= at_least
    elif at_most is not None:
        target, met = f"≤ {at_most:g}", found.median <= at_most
    return Row(name, target, round(found.median, 4), (round(found.low, 4), round(found.high, 4)), met, note)


def run_side(program: str, *arguments: str) -> dict[str, Any]:
    """One run of ``sides/PROGRAM`` against a bare server of its own."""
    with bare_server.started() as url:
        side, *rest = arguments
        done = subprocess.run(
            [sys.executable, str(HERE / "sides" / program), side, url, *rest],
            capture_output=True,
            text=True,
            timeout=SIDE_TIMEOUT_S,
        )
    if done.returncode:
        said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise RuntimeError(f"{program} {side} failed: {said}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def realtime_python() -> tuple[str | None, str]:
    """The Python of an environment with realtime, which needs an older websockets; or why there is none."""
    python = REALTIME / "bin" / "python"
    if python.exists():
        return str(python), ""
    try:
        for command in (
            [sys.executable, "-m", "venv", str(REALTIME)],
            [str(python), "-m", "pip", "-qq", "--disable-pip-version-check", "install", "realtime", "uvloop"],
        ):
            subprocess.run(command, capture_output=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        shutil.rmtree(REALTIME, ignore_errors=True)
        return None, "realtime could not be installed"
    return str(python), ""


def hot_connection(scale: float, rounds: int) -> Iterator[Row]:
    frames = int(2_000_000 * scale)
    sides = {
        "raw": (["raw_picows.py"], 2 * frames, "push", 1),
        "lazy": (["callback_session.py", "lazy"], frames, "push", 1),
        "decoded": (["callback_session.py", "decoded"], frames, "push", 1),
        "orjson": (["callback_session.py", "orjson"], frames, "push", 1),
        "meter": (["meter.py", "broadcasts"], frames, "push", 1),
        "behaviour": (["behaviour.py"], frames // 2, "push", 1),
        "client": (["client.py"], frames // 2, "push", 1),
        "counting": (["client.py", "counted"], frames // 2, "push", 1),
        "websockets": (["websockets_json.py"], frames // 40, "push", 1),
    }
    why = ""
    try:
        node.prepare()
        sides["phoenix.js"] = (["phoenix_js.mjs"], frames // 8, "push", 1)
    except node.NodeMissing as error:
        why = str(error)
    realtime, why_not = realtime_python()
    pythons = {}
    if realtime:
        sides["realtime"] = (["realtime_py.py"], frames // 100, "realtime", 1)
        pythons["realtime"] = realtime
    with sender.started() as process:
        samples = measure(process, sides, rounds, pythons)
        replies = measure(
            process,
            {
                "raw": (["raw_picows.py"], 60_000, "replies", 10),
                "meter": (["meter.py", "replies"], 60_000, "replies", 10),
            },
            rounds,
        )
    idle = "the sender was idle for " + ", ".join(
        f"{statistics.median(run['idle'] for run in runs):.0%} ({name})"
        for name, runs in {**samples, "raw, replies": replies["raw"]}.items()
    )
    found = faster(samples, "lazy", "raw")
    yield row(f"receive, lazy payload{OF_RAW}", found, at_least=0.35, note=idle)
    yield row("receive, lazy payload / raw picows, by CPU", faster(samples, "lazy", "raw", "cpu_ns"))
    found = faster(samples, "orjson", "decoded", "cpu_ns")
    yield row("receive, decoded: time / that of a callback that calls orjson itself", found, at_most=1.05)
    found = faster(samples, "behaviour", "decoded", "cpu_ns")
    yield row("receive, behaviour (decoded) / session (decoded), by CPU", found, at_least=0.85)
    if not why:
        yield row("receive, lazy / phoenix.js", faster(samples, "lazy", "phoenix.js"), at_least=10)
        yield row("receive, decoded / phoenix.js", faster(samples, "decoded", "phoenix.js"), at_least=3.2)
    else:
        yield Row("receive / phoenix.js", "≥ 10", None, None, None, f"skipped: {why}")
    if realtime:
        yield row("receive, decoded / realtime (PyPI)", faster(samples, "decoded", "realtime"))
    else:
        yield Row("receive, decoded / realtime (PyPI)", "", None, None, None, f"skipped: {why_not}")
    yield row("receive, lazy / websockets + json", faster(samples, "lazy", "websockets"))
    for name, shown in COMPARED.items():
        if name in samples:
            yield row(f"{shown}{OF_RAW}", faster(samples, name, "raw"))
    by_cpu, target = faster(samples, "meter", "raw", "cpu_ns"), 0.7
    try:
        yield row(f"meter, broadcasts{OF_RAW}", faster(samples, "meter", "raw"), at_least=target)
        yield row("meter, broadcasts / raw picows, by CPU", by_cpu)
    except SenderTooSlow as error:
        yield Row(f"meter, broadcasts{OF_RAW}", "", None, None, None, str(error))
        yield row("meter, broadcasts / raw picows, by CPU", by_cpu, at_least=target)
    found = faster(replies, "meter", "raw", "cpu_ns")
    yield row("meter, replies with RTT / raw picows, by CPU", found, at_least=0.55)


def many_sockets(scale: float, rounds: int) -> Iterator[Row]:
    for count in (100, 1000, 4000):
        messages = str(max(5, int(100_000 * scale / count)))
        calls = {
            name: partial(run_side, "sockets.py", name, str(count), messages)
            for name in ("raw", "meter", "client")
        }
        samples = interleave(calls, max(3, rounds // 2))
        for name in ("meter", "client"):
            found = ratio(
                [run["message_cpu_ns"] for run in samples[name]],
                [run["message_cpu_ns"] for run in samples["raw"]],
            )
            target = {1000: 1.1, 4000: 1.2}.get(count) if name == "meter" else None
            yield row(f"fan-out to {count} sockets, {name}: CPU / bare picows", found, at_most=target)
        if count == 4000:
            for name in ("meter", "client"):
                found = ratio(
                    [run["connect_cpu_s"] for run in samples["raw"]],
                    [run["connect_cpu_s"] for run in samples[name]],
                )
                target = {"meter": 0.8, "client": 0.45}[name]
                yield row(f"connect + join rate, {name} / bare picows connect", found, at_least=target)


def idle_memory(scale: float, rounds: int) -> Iterator[Row]:
    sockets = str(10_000 if scale >= 0.3 else 2000)
    for name, limit in (("meter", 12_000), ("client", 20_000)):
        runs = [run_side("sockets.py", name, sockets, "0") for _ in range(max(3, rounds // 2))]
        idle = [run["idle_bytes"] for run in runs]
        found = ratio(idle, [1.0] * len(idle))
        yield row(f"memory of an idle socket, {name}, bytes of {sockets}", found, at_most=limit)
        found = ratio([run["after_burst_bytes"] for run in runs], idle)
        yield row(f"the same after a burst of 64 KiB messages / before, {name}", found, at_most=1.1)


def one_socket(scale: float, rounds: int) -> Iterator[Row]:
    turns = max(5, int(8 * rounds * scale))
    samples: dict[str, list[dict[str, float]]] = run_side("one_socket.py", "round_trips", str(turns))
    for name, bound, limit in (("meter", "listener", 1.15), ("client", "awaited", 1.25)):
        for figure in ("p50_ns", "p99_ns"):
            found = ratio([run[figure] for run in samples[name]], [run[figure] for run in samples[bound]])
            yield row(f"round trip, {name}, {figure[:3]} / picows echo", found, at_most=limit)
    for figure in ("p50_ns", "p99_ns"):
        found = ratio(
            [run[figure] for run in samples["client"]], [run[figure] for run in samples["listener"]]
        )
        yield row(f"round trip, client, {figure[:3]} / compiled picows listener", found)
    pushes = str(int(100_000 * scale))
    calls = {name: partial(run_side, "one_socket.py", f"push_{name}", pushes) for name in ("raw", "session")}
    runs = interleave(calls, rounds)
    found = ratio([run["cpu_ns"] for run in runs["raw"]], [run["cpu_ns"] for run in runs["session"]])
    yield row("push, encoded payload / picows send", found, at_least=0.8)


def embedded_server(scale: float, rounds: int) -> Iterator[Row]:
    frames = str(int(100_000 * scale))
    done = subprocess.run(
        [sys.executable, str(HERE / "server_echo.py"), "--json", "--rounds", str(rounds), "--frames", frames],
        capture_output=True,
        text=True,
        timeout=SIDE_TIMEOUT_S,
    )
    if done.returncode:
        raise RuntimeError(f"server_echo.py failed: {(done.stderr.strip() or 'no word').splitlines()[-1]}")
    sides = json.loads(done.stdout)
    found = ratio([cpu_s for cpu_s, _ in sides["bare"]], [cpu_s for cpu_s, _ in sides["fastphx"]])
    yield row("embedded server, echo / bare picows echo, by CPU", found, at_least=0.3)


def load_tests(scale: float, rounds: int) -> Iterator[Row]:
    seconds, few = max(3, int(6 * scale)), max(3, rounds // 2)
    for shape in load_node.SHAPES:
        name = f"load, {shape.name}: CPU a message / Node with ws"
        try:
            found, note = load_node.compare(shape, seconds, few)
            yield row(name, found, at_most=shape.at_most, note=note)
        except (node.NodeMissing, RuntimeError) as error:
            yield Row(name, f"≤ {shape.at_most:g}", None, None, None, str(error))
    command = [sys.executable, "-m", "fastphx", "load", "--connections", "1", "--rate", "10"]
    with load_node.server() as url:
        runs = [process_tree.usage([*command, "--duration", "2s", url], 2) for _ in range(few)]
    for name, sizes, limit in (
        ("RSS", [run.rss_bytes for run in runs], 60),
        ("PSS", [run.pss_bytes for run in runs], None),
    ):
        found = ratio(sizes, [2**20] * few)
        yield row(f"load, memory of all processes at 1 socket, {name} in MiB", found, at_most=limit)


def asking(scale: float, rounds: int) -> Iterator[Row]:
    asks = max(10_000, int(call.ASKS * scale))
    found, note = call.compare(call.SOCKETS, call.IN_FLIGHT, asks, rounds)
    yield row("behaviour, call / the client's awaited push, by CPU", found, at_most=call.TARGET, note=note)


def trickling(scale: float, rounds: int) -> Iterator[Row]:
    messages = max(20_000, int(trickle.MESSAGES * scale))
    found, note = trickle.compare(trickle.RATE, messages, trickle.INTERVAL_S, rounds)
    name = f"receive, client, 40000/s: CPU with a read interval of {trickle.INTERVAL_S * 1e3:g} ms / without"
    yield row(name, found, at_most=trickle.TARGET, note=note)


def journeys(scale: float, rounds: int) -> Iterator[Row]:
    for in_flight in journey.IN_FLIGHT:
        count = max(10_000, int(journey.PUSHES * scale)) // (1 if in_flight > 1 else 4)
        found, rates, note = journey.pushes(in_flight, count, rounds)
        target = {"at_most": journey.PUSH_TARGET} if in_flight > 1 else {}
        name = f"journey, awaited push, {in_flight} in flight / the client's, by CPU"
        yield row(name, found, **target, note=note)
        if in_flight > 1:
            steps = Ratio(statistics.median(rates), min(rates), max(rates))
            yield row("journey, push steps/s of one worker", steps, at_least=journey.STEPS_TARGET)
    sizes = [journey.users(max(500, int(journey.USERS * scale))) for _ in range(3)]
    size = Ratio(statistics.median(sizes), min(sizes), max(sizes))
    yield row("journey, a user that thinks, KB", size, at_most=journey.USER_TARGET_KB)
    sizes = [journey_http.users(max(500, int(journey_http.USERS * scale))) for _ in range(3)]
    size = Ratio(statistics.median(sizes), min(sizes), max(sizes))
    yield row("journey, a user with an HTTP session, KB", size, at_most=journey_http.USER_TARGET_KB)
    for in_flight in journey.IN_FLIGHT:
        count = max(1000, int(journey_http.REQUESTS * scale))
        found, note = journey_http.requests(in_flight, count, rounds)
        yield row(f"journey, GET, {in_flight} in flight / aiohttp's, by CPU", found, note=note)
    held, lag_s = journey.most_visits(journey.ARRIVALS_TARGET)
    note = f"schedule lag p99 {1e3 * lag_s:.0f} ms"
    visits = Ratio(held, held, held)
    yield row("journey, visits/s that hold", visits, at_least=journey.ARRIVALS_TARGET, note=note)


def live_pages(scale: float, rounds: int) -> Iterator[Row]:
    """LiveView pages without a browser."""
    found, note = live_event.events(max(1000, int(live_event.EVENTS * scale)), rounds)
    name = "LiveView, an event, {} / a push, by CPU"
    yield row(name.format("lean"), found["lean"], at_most=live_event.LEAN_TARGET, note=note)
    yield row(name.format("merged"), found["merged"], note=note)
    size_kb = live_event.users(max(200, int(live_event.USERS * scale)))
    size = Ratio(size_kb, size_kb, size_kb)
    yield row("LiveView, a user on a mounted page, KB", size, at_most=live_event.USER_TARGET_KB)
    merges = max(200, int(liveview.MERGES * scale))
    for what, (page, diffs, is_held) in liveview.DIFFS.items():
        merged, note = liveview.merging(page, diffs, merges, rounds)
        target = {"at_most": liveview.MERGE_TARGET} if is_held else {}
        yield row(
            f"LiveView, merging {what} on top of decoding / decoding, by CPU", merged, **target, note=note
        )
    built, note = liveview.html(max(1, merges // 100), rounds)
    name = "LiveView, HTML of 1,000 rows / joining its texts, by CPU"
    yield row(name, built, at_most=liveview.HTML_TARGET, note=note)
    memories = [liveview.memory() for _ in range(3)]
    for which, (name, target_of) in enumerate(
        (
            ("LiveView, a tree of the counter page, KB", liveview.COUNTER_TARGET_KB),
            ("LiveView, a tree of 1,000 rows / its HTML, by memory", liveview.PAGE_TARGET),
            ("LiveView, that tree after 1,000 diffs / before, by memory", liveview.DIFFS_TARGET),
        )
    ):
        sizes = [each[which] for each in memories]
        yield row(name, Ratio(statistics.median(sizes), min(sizes), max(sizes)), at_most=target_of)


def watched(scale: float, rounds: int) -> Iterator[Row]:
    """A run with a live page beside one without."""
    seconds = max(4, int(live_page.SECONDS * scale))
    compared = live_page.compare(seconds, live_page.RATE, live_page.CONNECTIONS, rounds)
    for title, (found, noise, said) in compared.items():
        yield row(f"load, {title}, with a live page / without", found, note=f"{said}; noise {noise}")


PARTS: dict[str, Callable[[float, int], Iterator[Row]]] = {
    "receive": hot_connection,
    "sockets": many_sockets,
    "memory": idle_memory,
    "one": one_socket,
    "server": embedded_server,
    "call": asking,
    "load": load_tests,
    "trickle": trickling,
    "journey": journeys,
    "pages": live_pages,
    "ui": watched,
}


def machine() -> dict[str, Any]:
    def of(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "none"

    return {
        "machine": platform.machine(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: of(name) for name in ("fastphx", "picows", "orjson", "uvloop", "websockets")},
    }


def cells(found: Row) -> tuple[str, str, str, str, str]:
    """Name, target, figure, spread, and whether it is met, as a reader sees them."""

    def shown(value: float) -> str:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"

    value = "" if found.value is None else shown(found.value)
    spread = "" if found.spread is None else f"{shown(found.spread[0])} to {shown(found.spread[1])}"
    met = {True: "met", False: "NOT met", None: "" if found.spread else "no figure"}[found.met]
    return found.name, found.target, value, spread, met


def show(found: Row) -> None:
    name, target, value, spread, met = cells(found)
    print(f"{name:72} {target:>8} {value:>7}  {spread:17} {met}", flush=True)
    if found.note:
        print(f"    {found.note}", flush=True)


def write(about: dict[str, Any], rows: list[Row], rounds: int) -> None:
    """The results, the chart, and the table of the page."""
    RESULTS.mkdir(exist_ok=True)
    results = {"machine": about, "rows": [asdict(found) for found in rows]}
    (RESULTS / "e2e.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    shown = {
        found.name.removesuffix(OF_RAW): found.value
        for found in rows
        if found.value is not None and found.name.endswith(OF_RAW)
    }
    title = "Messages a second on one connection, as a share of raw picows"
    (RESULTS / "e2e.svg").write_text(bars(title, dict(sorted(shown.items(), key=lambda item: -item[1]))))
    versions = ", ".join(f"{name} {about[name]}" for name in ("python", "picows", "orjson", "uvloop"))
    table = (
        f"{versions}; {about['cpus']} CPUs, load average {about['load']:.1f}, {rounds} rounds:\n\n"
        "| what | target | figure | spread | |\n| --- | --- | --- | --- | --- |\n"
        + "".join(f"| {' | '.join(cells(found))} |\n" for found in rows)
    )
    before, _, rest = PAGE.read_text().partition(TABLE_STARTS)
    _, _, after = rest.partition(TABLE_ENDS)
    PAGE.write_text(f"{before}{TABLE_STARTS}{table}{TABLE_ENDS}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="how many frames and sockets, as a share")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=sorted(PARTS), help="one part")
    options = parser.parse_args()
    scale, rounds = options.scale, options.rounds
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    rows: list[Row] = []
    for name, part in PARTS.items():
        if options.only not in (None, name):
            continue
        try:
            for found in part(scale, rounds):
                show(found)
                rows.append(found)
        except (SenderTooSlow, RuntimeError, subprocess.TimeoutExpired) as error:
            found = Row(name, "", None, None, None, f"could not be measured: {error}")
            show(found)
            rows.append(found)
    if options.only is None:
        write(about, rows, rounds)
        targets = [found for found in rows if found.met is not None]
        met = statistics.fmean(bool(found.met) for found in targets) * len(targets)
        print(f"{met:.0f} of {len(targets)} targets are met.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
