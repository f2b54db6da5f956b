"""The demo server on a given port, doing wrong on purpose: ``python -m tests.client.faulty_server PORT``.

Takes commands on its standard input: ``start`` a server process, which says ``listening``; ``kill`` it with
SIGKILL, which says ``killed``; ``calm`` it, so that it does nothing wrong any more.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

from fastphx.testing import Server, demo_server

FAULT_INTERVAL_S = 0.05


def do_wrong(server: Server, turn: int) -> None:
    """One fault of each kind, in turn."""
    match turn % 6:
        case 0:
            server.cut(3)
        case 1:
            server.faults.truncate_frames = 2
        case 2:
            server.faults.drop_replies = 3
        case 3:
            # A crash that nobody hears of cannot be rejoined.
            server.faults.truncate_frames = 0
            server.crash_channels(f"room:{random.randrange(5)}:{random.randrange(200)}")
        case 4:
            server.faults.reply_delay_s = 0.02
        case 5:
            server.faults.clear()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def serve(port: int) -> None:
    calm = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, calm.set)
    async with demo_server(port=port) as server:
        say("listening")
        turn = 0
        while not calm.is_set():
            do_wrong(server, turn)
            turn += 1
            await asyncio.sleep(FAULT_INTERVAL_S)
        server.faults.clear()
        await asyncio.Event().wait()


def main(port: int) -> None:
    """A server is a fork of this process: to start Python anew each time would take most of the test."""
    child = 0
    try:
        for line in sys.stdin:
            match line.strip():
                case "start":
                    child = os.fork()
                    if child == 0:
                        asyncio.run(serve(port))
                case "calm":
                    os.kill(child, signal.SIGUSR1)
                case "kill":
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    child = 0
                    say("killed")
    finally:
        if child:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
