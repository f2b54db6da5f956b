"""The load worker's CPU a delivery beside a bare picows receiver of the same broadcasts, in one run.

One server broadcasts to both: half of the subscribers are those of ``fastphx load --scenario fanout``, half
are listeners in Cython that count frames and look at nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import picows
import uvloop

from compiled import load

TARGET = 1.25
TOPIC = "fan:0"
JOIN = f'["1","1","{TOPIC}","phx_join",{{}}]'.encode()
FASTPHX = (sys.executable, "-m", "fastphx")
CONNECTING = 64


async def receive(url: str, count: int) -> None:
    """Join *count* sockets, say so, count until stdin ends, and write frames and CPU time."""
    listeners = []
    limit = asyncio.Semaphore(CONNECTING)

    async def connect() -> None:
        listener = load("raw_picows").RawListener()
        joined = asyncio.get_running_loop().create_future()
        listener.on_connected = lambda transport: transport.send(picows.WSMsgType.TEXT, JOIN)
        listener.on_first_frame = lambda _transport: joined.set_result(None)
        async with limit:
            await picows.ws_connect(
                lambda: listener, url, read_buffer_init_size=2048, websocket_handshake_timeout=60
            )
            await joined
        listeners.append(listener)

    await asyncio.gather(*(connect() for _ in range(count)))
    before_s = time.process_time()
    sys.stdout.write("joined\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    frames = sum(listener.frames - 1 for listener in listeners)
    sys.stdout.write(json.dumps({"frames": frames, "cpu_s": time.process_time() - before_s}) + "\n")


def compare(connections: int, rate: float, duration: str) -> tuple[float, float]:
    """CPU seconds a delivery: the load worker's, and the bare receiver's."""
    with tempfile.TemporaryDirectory() as folder:
        json_path = Path(folder) / "fanout.json"
        server = subprocess.Popen([*FASTPHX, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
        raw = None
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[0]
            raw = subprocess.Popen(
                [
                    sys.executable,
                    __file__,
                    "--raw",
                    f"{url}/websocket?vsn=2.0.0",
                    "--connections",
                    str(connections),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert raw.stdout is not None
            if raw.stdout.readline() != "joined\n":
                raise RuntimeError("the bare receivers did not join")
            subprocess.run(
                [
                    *(*FASTPHX, "load", url, "--scenario", "fanout", "--connections", str(connections + 1)),
                    *("--rate", str(rate), "--duration", duration, "--workers", "1", "--quiet"),
                    *("--json", str(json_path)),
                ],
                check=False,
            )
            said, _ = raw.communicate(timeout=60)
        finally:
            for process in (raw, server):
                if process is not None:
                    process.kill()
                    process.communicate()
        result = json.loads(json_path.read_bytes())
    bare = json.loads(said)
    totals = result["totals"]
    if not totals["deliveries"] == totals["expected_deliveries"] == bare["frames"] > 0:
        raise RuntimeError(f"received {totals['deliveries']} and {bare['frames']}: not the same frames")
    return result["client"]["cpu_s_per_message"], bare["cpu_s"] / bare["frames"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--duration", default="5s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--raw", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.raw is not None:
        uvloop.run(receive(arguments.raw, arguments.connections))
        return 0
    ratios = []
    for _ in range(arguments.rounds):
        ours_s, bare_s = compare(arguments.connections, arguments.rate, arguments.duration)
        ratios.append(ours_s / bare_s)
        sys.stdout.write(
            f"{ours_s * 1e6:.2f} us a delivery, bare picows {bare_s * 1e6:.2f}: {ratios[-1]:.2f}\n"
        )
    median = sorted(ratios)[len(ratios) // 2]
    sys.stdout.write(f"ratio {median:.2f}, target {TARGET}: {'met' if median <= TARGET else 'NOT MET'}\n")
    return int(median > TARGET)


if __name__ == "__main__":
    sys.exit(main())
