"""Commands while calls of the system fail, the n-th, n = 1, 2, 3 …, until none does: ``python -m
tests.faults.commands HOST:PORT HOST:PORT [SITE…]``, in a process that has ``failing_calls.c`` preloaded, and
in an empty folder. Writes how many cells of each site and fault there were, and what is wrong, as JSON."""

from __future__ import annotations

import asyncio
import errno
import gc
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop

from fastphx.load.plan.plan import Plan
from fastphx.load.report.json import write_json
from fastphx.load.result.result import Result
from tests.cli.command import sentence
from tests.faults.calls import open_files
from tests.faults.failing_calls import ALWAYS, INET, SHORT, Fault, arm, disarm
from tests.load.processes import PATIENT, check_identities

JOURNEY = Path(__file__).with_name("journey.py")
KEPT = "kept.json"
NAMED = ("rows.csv", "rows.ndjson", "payload.json", "script.py")
_TIMES_NS = itertools.count(time.time_ns(), 10**9)
RESULT = "result.json"
WORKER = "fastphx.load.worker"
SERVER = "embedded_server"
MOST_CALLS = 40
MOST_RUNS = 4
"""Of a load run, which takes as long as a hundred other commands."""
DEADLINE_S = 60
"""What no command comes near, unless it hangs."""

OK, FAILED_COMMAND, USAGE, UNCONNECTED, INVALID, FAILED = range(6)


class Site(NamedTuple):
    """A command, its faults, and with which codes it may end. *process*: the calls are those of a process
    that it starts, whose number of failures is not known here."""

    arguments: tuple[str, ...]
    faults: tuple[Fault, ...]
    codes: frozenset[int]
    most_calls: int = MOST_CALLS
    process: str = ""
    leaves_files: bool = False


def written(name: str) -> tuple[Fault, ...]:
    """What may happen to a file that is written."""
    return (
        *(Fault("open", number, name) for number in (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EACCES)),
        *(Fault("write", number, name) for number in (errno.ENOSPC, errno.EIO, SHORT)),
        *(Fault("close", number, name) for number in (errno.ENOSPC, errno.EDQUOT)),
    )


def read(name: str) -> tuple[Fault, ...]:
    return (
        *(Fault("open", number, name) for number in (errno.EMFILE, errno.ENFILE, errno.EIO)),
        *(Fault("read", number, name) for number in (errno.EIO, SHORT)),
    )


PORTS = (
    *(Fault("bind", number) for number in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)),
    *(Fault("socket", number) for number in (errno.EMFILE, errno.ENFILE)),
    Fault("listen", errno.EADDRINUSE),
)
FOR_GOOD = (
    *(Fault("socket", number, INET, ALWAYS) for number in (errno.EMFILE, errno.ENFILE)),
    Fault("connect", errno.EADDRNOTAVAIL, INET, ALWAYS),
    Fault("write", errno.EPIPE, INET, ALWAYS),
    Fault("read", errno.ECONNRESET, INET, ALWAYS),
)
NO_THREADS = Fault("pthread_create", errno.EAGAIN, "", ALWAYS)
STARTING = tuple(Fault("pipe2", number, "") for number in (errno.EMFILE, errno.ENFILE))
UNWATCHED = (Fault("pthread_create", errno.EAGAIN, ""),)
"""asyncio leaves the pipes of a process that no thread waits for."""
BREAKING = (
    *(Fault("write", number) for number in (errno.ECONNRESET, errno.EPIPE, SHORT)),
    *(Fault("read", number) for number in (errno.ECONNRESET, SHORT)),
    Fault("timerfd_create", errno.EMFILE, ""),
)
UNREAD = (
    Fault("connect", errno.ECONNREFUSED, INET, ALWAYS),
    Fault("socket", errno.EMFILE, INET, ALWAYS),
    *(Fault(function, errno.ECONNRESET, INET, ALWAYS) for function in ("write", "read")),
)
TAKING = tuple(
    Fault("accept", number, INET, 3) for number in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED)
)


def sites(place: str, pages: str) -> dict[str, Site]:
    """Each by its name; the servers at *place* and *pages* have no fault."""
    url, base = f"ws://{place}/socket", f"http://{place}"
    worker = ("--workers", "1", "-q", "--json", RESULT)
    quick = ("-c", "2", "--rate", "50", "--duration", "100ms")
    quick += ("--graceful-stop", "500ms", "--timeout", "400ms")
    load = ("load", url, *PATIENT, *quick, "--connect-timeout", "500ms", *worker)
    embedded = ("load", *PATIENT, *quick, "--workers", "2", "-q", "--json", RESULT)
    visits = ("--users", "2", "--iterations", "2", "--duration", "1s", "--graceful-stop", "1s")
    journey = ("load", str(JOURNEY), base, *PATIENT, *visits, "--connect-timeout", "500ms", *worker)
    asking = ("--timeout", "500ms")
    one_of = ("listen", url, "room:a", "--for", "50ms", *asking)
    by_name = ("listen", url.replace("127.0.0.1", "localhost"), "room:a", "--for", "50ms", *asking)
    some = frozenset((OK, USAGE))
    lost = frozenset((FAILED_COMMAND, USAGE, UNCONNECTED))
    ran = frozenset((OK, INVALID, FAILED))
    made: dict[str, Site] = {}
    for report, name in {"html": "a.html", "junit": "a.xml", "markdown": "a.md", "hgrm": "a.hgrm"}.items():
        made[f"report --{report}"] = Site(("report", KEPT, f"--{report}", name), written(name), some)
    made |= {
        "report, a kept result": Site(("report", KEPT), read(KEPT), some),
        "report DIR": Site(("report", ".", "--html", "i.html"), written("i.html"), some),
        "compare, kept results": Site(("compare", KEPT, KEPT), read(KEPT), frozenset((OK, USAGE, 99))),
        "a plan": Site(("load", "plan.toml", "--dry-run"), read("plan.toml"), some),
        "rows of data": Site(("load", url, "--data", "rows.csv", "--dry-run"), read("rows.csv"), some),
        "rows of NDJSON": Site(
            ("load", url, "--data", "rows.ndjson", "--dry-run"), read("rows.ndjson"), some
        ),
        "a payload": Site(
            ("load", url, "--payload", "@payload.json", "--dry-run"), read("payload.json"), some
        ),
        "a script": Site(("load", "script.py", base, "--dry-run"), read("script.py"), some),
        "init, its plan": Site(("init", url, "--force"), written("plan.toml"), some),
        "init, its journey": Site(("init", url, "--force"), written("journey.py"), some),
        "serve, its port": Site(("serve", "--port", "0"), PORTS, frozenset((USAGE,)), 1),
        "push": Site(("push", url, "room:a", "echo", "{}", *asking), FOR_GOOD, lost),
        "listen": Site(one_of, FOR_GOOD, lost),
        "live": Site(
            ("live", f"http://{pages}/right/page", "--live-path", "/right/live", *asking), FOR_GOOD, lost
        ),
        "doctor": Site(("doctor", url, *asking), FOR_GOOD, frozenset((OK, *lost))),
        "a name's address": Site(by_name, (NO_THREADS,), lost),
        "doctor, a name's address": Site(
            ("doctor", url.replace("127.0.0.1", "localhost"), *asking), (NO_THREADS,), frozenset((OK, *lost))
        ),
    }
    for report, name in {"json": "b.json", "html": "b.html", "hgrm": "b.hgrm", "junit": "b.xml"}.items():
        full = tuple(Fault("write", number, name, ALWAYS) for number in (errno.ENOSPC, errno.EIO))
        made[f"load --{report}"] = Site((*load, f"--{report}", name), full, frozenset((USAGE,)), 1)
    kept = (Fault("write", errno.ENOSPC, "kept/", ALWAYS), Fault("rename", errno.EACCES, "kept/"))
    made |= {
        "load --save": Site((*load, "--save", "kept"), kept, frozenset((USAGE,)), 1),
        "load --prometheus": Site((*load, "--prometheus", "0"), PORTS, frozenset((USAGE,)), 1),
        "load --ui": Site((*load, "--ui", "0"), PORTS, frozenset((USAGE,)), 1),
        "load, its processes": Site(embedded, STARTING, frozenset((USAGE, *ran)), MOST_RUNS),
        "load, its threads": Site(
            embedded, UNWATCHED, frozenset((USAGE, *ran)), MOST_RUNS, leaves_files=True
        ),
        "load, no connection": Site(load, FOR_GOOD[:3], frozenset((UNCONNECTED, INVALID)), 1, WORKER),
        "load, connections": Site(load, BREAKING, ran, MOST_RUNS, WORKER),
        "load, journeys": Site(journey, BREAKING, ran, MOST_RUNS, WORKER),
        # Without a file left, libuv closes what waits to be accepted: one connection, or both.
        "load, its server's accept": Site(embedded, TAKING, frozenset((UNCONNECTED, *ran)), 1, SERVER),
        "load --server-metrics": Site((*load, "--server-metrics", f"{base}/metrics"), UNREAD, ran, 1),
    }
    return made


def prepare_folder() -> None:
    """What the commands read."""
    write_json(Result(Plan.from_mapping({}), run_s=1.0, workers=1).to_mapping(), Path(KEPT))
    Path("kept").mkdir()
    Path("plan.toml").write_text('url = "ws://127.0.0.1:9/socket"\n')
    Path("rows.csv").write_text("name\nann\n")
    Path("rows.ndjson").write_text('{"name": "ann"}\n')
    Path("payload.json").write_text('{"a": 1}')
    Path("script.py").write_text(JOURNEY.read_text())
    Path("journey.py").touch()


@contextmanager
def armed(site: Site, fault: Fault, nth: int) -> Iterator[list[int]]:
    """A list that has how many calls have failed, afterwards."""
    hits: list[int] = []
    if site.process:
        os.environ.update(fault.environment(nth, site.process))
    else:
        arm(fault, nth)
    try:
        yield hits
    finally:
        hits.append(1 if site.process else disarm())
        os.environ.pop("FAILING_CALLS", None)


def attempt(site: Site, fault: Fault, nth: int) -> tuple[int, list[str]]:
    """One cell: how many calls have failed, and what is wrong."""
    problems: list[str] = []
    before = open_files()
    Path(RESULT).unlink(missing_ok=True)
    for name in NAMED:
        # A file that has not changed is not read again.
        os.utime(name, ns=(next(_TIMES_NS),) * 2)
    signal.alarm(DEADLINE_S)
    with armed(site, fault, nth) as hits:
        try:
            code, out, err = sentence(*site.arguments)
        except BaseException as error:
            return 1, [f"it raised {type(error).__name__}: {error}"]
        finally:
            signal.alarm(0)
    # What doctor finds is its output.
    is_silent = code in (USAGE, UNCONNECTED) and not (out if site.arguments[0] == "doctor" else err)
    if hits[0] and code not in site.codes:
        problems.append(f"it left with code {code}: {err}")
    if "Traceback" in err or not err.replace("\n", "").isprintable() or is_silent:
        problems.append(f"it left with code {code}, and said {err!r}, and {out!r}")
    if code in (OK, INVALID, FAILED) and Path(RESULT).exists() and site.arguments[0] == "load":
        problems += uneven(json.loads(Path(RESULT).read_bytes()))
    gc.collect()
    if (left := open_files() - before) and not site.leaves_files:
        problems.append(f"it left {len(left)} files")
    return hits[0], problems


def uneven(result: dict[str, dict[str, int]]) -> Iterable[str]:
    """Sums that are not exact."""
    totals = dict(result["totals"])
    if "visits" in result:
        # What arrives are visits.
        visits = result["visits"]
        if totals["arrivals"] != sum(visits[name] for name in ("ok", "failed", "cut", "unsent")):
            yield f"sums: {totals['arrivals']} arrivals, {visits}"
        totals["arrivals"], totals["unsent"] = totals["pushes"] + totals["casts"], 0
    try:
        check_identities(totals)
    except AssertionError as error:
        yield f"sums: {error}, {totals}"


def main(place: str, pages: str, *names: str) -> None:
    prepare_folder()
    # uvloop keeps two files for signals, once it has had one.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().add_signal_handler(signal.SIGUSR1, int)
    cells: dict[str, dict[str, int]] = {}
    wrong: list[str] = []
    every = sites(place, pages)
    for name in names or every:
        site, cells[name] = every[name], {}
        # Without a fault first: then everything is imported.
        if name.startswith(("report", "compare", "init")):
            attempt(site, Fault("none", 1), 1)
        for fault in site.faults:
            count = 0
            while count < (1 if fault.count == ALWAYS else site.most_calls):
                hits, problems = attempt(site, fault, count + 1)
                wrong += [f"{name}, {fault}, call {count + 1}: {problem}" for problem in problems]
                if not hits:
                    break
                count += 1
            cells[name][str(fault)] = count
            sys.stderr.write(f"{name}, {fault}: {count}\n")
    json.dump({"cells": cells, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
