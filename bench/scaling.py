"""How cost grows: a message by the topics of its socket and by the sockets of the process; memory by sockets.

    python bench/scaling.py [--sockets 10,100,1000,4000,10000] [--topics 1,10,100,1000,10000]

Writes ``docs/topics.svg``, ``docs/sockets.svg`` and ``docs/memory.svg``. The times are of the CPU: within a
chart they come from one run.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path
from types import SimpleNamespace

from chart import lines
from e2e import run_side
from fastphx.protocol.callback_session import CallbackSession
from fastphx.protocol.frame_write import encode, encode_reply
from fastphx.protocol.sink import CallbackWriter

DOCS = Path(__file__).resolve().parent.parent / "docs"
MESSAGES = 200_000


def message_ns(topics: int) -> float:
    """The least of five runs: what a message costs that goes to one of *topics* in turn."""
    handler = SimpleNamespace(on_message=lambda message: None, on_reply=None, on_joined=lambda *_: None)
    session = CallbackSession(handler, heartbeat_interval_s=0)
    session.opened(CallbackWriter(lambda frame, opcode: None), 0, 0.0)
    for number in range(topics):
        ref = str(session.join(f"room:{number}"))
        session.receive(encode_reply(ref, ref, f"room:{number}", "ok", b"{}"), 1, 0)
    frames = [encode(None, None, f"room:{number}", "new_msg", b'{"body":"hi"}') for number in range(topics)]
    best = float("inf")
    for _ in range(5):
        started_s = time.process_time()
        for frame in itertools.islice(itertools.cycle(frames), MESSAGES):
            session.receive(frame, 1, 0)
        best = min(best, (time.process_time() - started_s) / MESSAGES * 1e9)
    return best


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--topics", type=numbers, default=numbers("1,10,100,1000,10000"))
    parser.add_argument("--sockets", type=numbers, default=numbers("10,100,1000,4000,10000"))
    options = parser.parse_args()
    by_topics = [(count, message_ns(count)) for count in options.topics]
    for count, cost_ns in by_topics:
        print(f"{count:6} topics: {cost_ns:6.0f} ns a message", flush=True)
    (DOCS / "topics.svg").write_text(
        lines("A message, by the topics of its socket", "topics", "ns of CPU", {"session": by_topics})
    )
    cpu: dict[str, list[tuple[float, float]]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}
    for count in options.sockets:
        for side in ("raw", "meter"):
            run = run_side("sockets.py", side, str(count), str(max(3, 20_000 // count)))
            name = "raw picows" if side == "raw" else "meter"
            cpu.setdefault(name, []).append((count, run["message_cpu_ns"] / 1000))
            memory.setdefault(name, []).append((count, run["idle_bytes"] * count / 1e6))
            print(
                f"{count:6} sockets, {name:10}: {run['message_cpu_ns'] / 1000:5.2f} µs a message, "
                f"{run['idle_bytes']:7.0f} bytes a socket",
                flush=True,
            )
    (DOCS / "sockets.svg").write_text(lines("A delivery, by sockets", "sockets", "µs of CPU", cpu))
    (DOCS / "memory.svg").write_text(lines("Memory of joined, idle sockets", "sockets", "MB", memory))


if __name__ == "__main__":
    main()
