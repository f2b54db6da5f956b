"""The soak's embedded server, which does wrong on purpose: ``python -m tests.soak.server PORT``."""

from __future__ import annotations

import asyncio
import random
import sys

from fastphx.testing import Server, demo_server
from tests.soak.inside import report_inside

FAULT_INTERVAL_S = 1.0
TOPICS = [f"room:{number}" for number in range(20)]


def do_wrong(server: Server, dice: random.Random) -> None:
    """One fault; those before it end."""
    server.faults.clear()
    match dice.randrange(9):
        case 0:
            server.cut(5)
        case 1:
            server.faults.truncate_frames = 3
        case 2:
            server.faults.drop_replies = 10
        case 3:
            server.crash_channels(dice.choice(TOPICS))
        case 4:
            server.faults.reply_delay_s = 0.05
        case 5:
            server.faults.refuse_connects = 503
        case 6:
            server.faults.refuse_joins = {"reason": "too busy"}
        case 7:
            server.faults.drop_heartbeats = True
        case _:
            # Nothing: a second in which everything recovers.
            pass


async def serve(port: int) -> None:
    dice = random.Random(port)
    async with demo_server(port=port, compress=True) as server:
        print("listening", flush=True)
        reporting = asyncio.create_task(report_inside(lambda: {"connections": len(server.connections)}))
        while not reporting.done():
            do_wrong(server, dice)
            for topic in TOPICS:
                server.broadcast(topic, "tick", {"noise": "x" * dice.randrange(2000)})
            await asyncio.sleep(FAULT_INTERVAL_S)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
