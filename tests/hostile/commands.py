"""Many commands at once: forks of one process that has imported them. To start Python anew for each would
take most of the time. ``python -m tests.hostile.commands`` reads the commands as JSON from standard input."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

AT_ONCE = 16
DEADLINE_S = 30.0
"""What no command comes near, unless it hangs."""


class Ended(NamedTuple):
    """How a command has ended; its code is -9 where it hung."""

    code: int
    out: str
    err: str
    most_bytes: int
    """Of memory, with what all of them share."""


def run_all(commands: Mapping[str, Sequence[str]]) -> dict[str, Ended]:
    """Run each command, AT_ONCE at a time."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile.commands"],
            input=json.dumps({"folder": folder, "commands": commands}),
            capture_output=True,
            text=True,
            timeout=10 * DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return {
            name: Ended(code, *(_text(folder, name, which) for which in ("out", "err")), most_bytes)
            for name, (code, most_bytes) in json.loads(done.stdout).items()
        }


def _text(folder: str, name: str, which: str) -> str:
    return Path(folder, f"{name}.{which}").read_bytes().decode("utf-8", "replace")


def _start(folder: str, name: str, arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    for number, which in ((1, "out"), (2, "err")):
        target = os.open(f"{folder}/{name}.{which}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(target, number)
    sys.argv = ["fastphx", *arguments]
    from fastphx.__main__ import main

    main()
    raise AssertionError("a command ends by SystemExit")


def _run(folder: str, commands: dict[str, list[str]]) -> dict[str, Any]:
    ended: dict[str, Any] = {}
    running: dict[int, tuple[str, float]] = {}
    waiting = list(commands.items())
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            name, arguments = waiting.pop(0)
            running[_start(folder, name, arguments)] = name, time.monotonic() + DEADLINE_S
        child, status, usage = os.wait4(-1, os.WNOHANG)
        if child:
            name, _ = running.pop(child)
            ended[name] = os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024
            continue
        for each, (_, deadline) in running.items():
            if time.monotonic() > deadline:
                os.kill(each, signal.SIGKILL)
        time.sleep(0.005)
    return ended


def _import_all() -> None:
    import aiohttp  # noqa: F401
    import selectolax.lexbor  # noqa: F401
    import uvloop  # noqa: F401

    import fastphx.cli.listen
    import fastphx.cli.live
    import fastphx.cli.load
    import fastphx.liveview
    import fastphx.transports.longpoll  # noqa: F401


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    _import_all()
    # A collector that looks at what was imported has its memory copied, in each fork.
    gc.freeze()
    json.dump(_run(asked["folder"], asked["commands"]), sys.stdout)
