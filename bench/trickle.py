"""What waking up costs where messages trickle: the client's CPU time with a read interval, and without.

    python bench/trickle.py [--rate 40000] [--messages 100000] [--interval 0.005] [--rounds 5]

One socket gets small broadcasts, each in a system call of its own, at an even rate. Sender and receiver are
processes of their own, and both sides are measured in each round. Exit code 1 where the target is missed, 2
where the sender could not keep the rate.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

import uvloop

from fastphx import connect
from interleave import Ratio, interleave, ratio
from sender import await_go, message, server_frame, shake_hands

RATE, MESSAGES, INTERVAL_S = 40_000, 100_000, 0.005
TARGET = 0.3
LEAST_RATE = 0.9
TIMEOUT_S = 120


def send(rate: int, messages: int) -> float:
    """Accept one client, and send it *messages* at *rate* a second; the rate that came of it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
    with connection:
        connection.settimeout(TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        shake_hands(connection, stream)
        await_go(connection, stream)
        frame = server_frame(message("broadcast", ""))
        started_s = time.perf_counter()
        for number in range(messages):
            due_s = started_s + number / rate
            while time.perf_counter() < due_s:
                pass
            connection.sendall(frame)
        took_s = time.perf_counter() - started_s
        connection.sendall(server_frame("", opcode=8))
        while connection.recv(65536):
            pass
    return messages / took_s


async def receive(port: int, interval_s: float) -> dict[str, float]:
    def count(_message: Any) -> None:
        nonlocal received
        received += 1

    received = 0
    url = f"ws://127.0.0.1:{port}/socket"
    async with connect(url, heartbeat_interval=0, reconnect=False, read_interval=interval_s) as client:
        room = await client.join("room:lobby")
        room.on("new_msg", count)
        room.cast("go")
        cpu_s = time.process_time()
        await client.wait_state("closed")
        cpu_s = time.process_time() - cpu_s
    return {"messages": received, "cpu_s": cpu_s}


def run(rate: int, messages: int, interval_s: float) -> dict[str, float]:
    """One side: its CPU time a message, and the rate at which messages were sent."""
    command = [sys.executable, __file__, "--rate", str(rate), "--messages", str(messages)]
    with subprocess.Popen([*command, "--send"], stdout=subprocess.PIPE, text=True) as sender:
        try:
            assert sender.stdout is not None
            port = sender.stdout.readline().strip()
            done = subprocess.run(
                [*command, "--receive", port, "--interval", str(interval_s)],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=True,
            )
            measured = json.loads(done.stdout)
            sent = float(sender.stdout.readline())
        finally:
            sender.kill()
    if measured["messages"] != messages:
        raise RuntimeError(f"{measured['messages']} of {messages} messages came")
    return {"cpu_us": measured["cpu_s"] / messages * 1e6, "rate": sent}


def compare(rate: int, messages: int, interval_s: float, rounds: int) -> tuple[Ratio, str]:
    """CPU time with the interval as a part of that without, and both. Raises ``RuntimeError`` where the
    sender could not keep the rate."""
    intervals = {"without": 0.0, "with": interval_s}
    samples = interleave(
        {name: partial(run, rate, messages, value) for name, value in intervals.items()}, rounds
    )
    slowest = min(side["rate"] for runs in samples.values() for side in runs)
    if slowest < LEAST_RATE * rate:
        raise RuntimeError(f"only {slowest:.0f} messages a second were sent")
    cpu_us = {name: [side["cpu_us"] for side in runs] for name, runs in samples.items()}
    said = ", ".join(f"{name} {statistics.median(each):.2f} µs a message" for name, each in cpu_us.items())
    return ratio(cpu_us["with"], cpu_us["without"]), said


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--interval", type=float, default=INTERVAL_S)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--receive", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.send:
        print(send(options.rate, options.messages))
        return 0
    if options.receive is not None:
        print(json.dumps(uvloop.run(receive(options.receive, options.interval))))
        return 0
    try:
        found, said = compare(options.rate, options.messages, options.interval, options.rounds)
    except RuntimeError as error:
        print(f"bench/trickle: {error}", file=sys.stderr)
        return 2
    print(f"with an interval of {options.interval * 1e3:g} ms / without: {found} (at most {TARGET}); {said}")
    return 0 if found.median <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
