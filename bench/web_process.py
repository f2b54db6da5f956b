"""A web application in a process of its own, and users of it that are measured in another.

Both processes run the benchmark's own file: with ``--serve``, and with ``--only-users``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import uvloop
from aiohttp import web

from fastphx.load.journeys.user import User
from journey import TIMEOUT_S, measure_users


def parser(description: str | None, users: int) -> argparse.ArgumentParser:
    """With the options of both processes, and the numbers of rounds and of users."""
    options = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--users", type=int, default=users)
    options.add_argument("--serve", action="store_true", help="serve the application")
    options.add_argument("--only-users", type=int, help="bytes of one of so many users")
    options.add_argument("--url", help="the application, for --only-users")
    return options


def is_done(
    options: argparse.Namespace, application: Callable[[], web.Application], user_class: type[User]
) -> bool:
    """Whether this is one of the two processes; then its work is over."""
    if options.serve:
        asyncio.run(serve(application()))
    elif options.only_users:
        print(uvloop.run(measure_users(options.url, options.only_users, user_class)))
    return bool(options.serve or options.only_users)


async def serve(application: web.Application) -> None:
    """Serve it until stdin ends, and print the URL."""
    runner = web.AppRunner(application, keepalive_timeout=TIMEOUT_S, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def web_process(file: str) -> Iterator[str]:
    """The URL of the application that *file* serves."""
    command = [sys.executable, file, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
