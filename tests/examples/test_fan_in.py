"""`examples/fan_in.py`: what is broadcast is in the table."""

import asyncio
import json
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from fastphx.testing import Server, ServerChannel

FAN_IN = Path(__file__).parents[2] / "examples" / "fan_in.py"
TIMEOUT_S = 60.0
TOPICS = [f"fan:{number}" for number in range(12)]


async def test_every_message_becomes_a_row(tmp_path: Path) -> None:
    joins: list[Any] = []

    class Fan(ServerChannel):
        def join(self, topic: str, payload: Any) -> None:
            joins.append(payload["since"])

    database = tmp_path / "messages.db"
    async with Server(channels={"fan:*": Fan}, max_channels_per_transport=5) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(FAN_IN), server.url, str(database), *TOPICS),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await server.wait_until(lambda stats: stats["joins"] == len(TOPICS), TIMEOUT_S)
            for number in range(100):
                for topic in TOPICS:
                    server.broadcast(topic, "tick", {"n": number})
            deadline = asyncio.get_running_loop().time() + TIMEOUT_S
            while await asyncio.to_thread(count, database) < 100 * len(TOPICS):
                assert asyncio.get_running_loop().time() < deadline
            server.cut()
            await server.wait_until(lambda stats: stats["joins"] == 2 * len(TOPICS), TIMEOUT_S)
            # Each channel is asked to go on from what is written.
            assert all(isinstance(since, int) and since > 0 for since in joins[-len(TOPICS) :])
            server.broadcast(TOPICS[0], "tick", {"n": 100})
            while await asyncio.to_thread(count, database) < 100 * len(TOPICS) + 1:
                assert asyncio.get_running_loop().time() < deadline
            process.send_signal(signal.SIGTERM)
            out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
            assert (process.returncode, b"Traceback" in err) == (0, False)
            assert out.count(b"away for") == len(TOPICS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
    with closing(sqlite3.connect(database)) as connection:
        for topic in TOPICS:
            rows = connection.execute("SELECT payload FROM messages WHERE topic = ? ORDER BY id", (topic,))
            numbers = [json.loads(payload)["n"] for (payload,) in rows]
            assert numbers[:100] == list(range(100))


def count(database: Path) -> int:
    with closing(sqlite3.connect(database, timeout=TIMEOUT_S)) as connection:
        try:
            (rows,) = connection.execute("SELECT count(*) FROM messages").fetchone()
        except sqlite3.OperationalError:
            return 0
        return int(rows)
