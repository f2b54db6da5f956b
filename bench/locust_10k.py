"""Ten thousand users through one Locust worker, 1,000 a second: how fast they are joined, and what the Locust
process costs when they are.

Run ``python bench/locust_10k.py``. It exits 1 unless all have joined within 12 s and the Locust process needs
less than a tenth of one core when steady. Server, sockets and Locust share this machine's cores.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import orjson

MAX_JOIN_S = 12.0
MAX_CPU = 0.1
GIVE_UP_S = 60.0
STEADY_S = 10.0
LOCUSTFILE = """\
from fastphx.load.locust import PhoenixUser


class Room(PhoenixUser):
    plan = {"scenario": "echo", "topic": "room:{i % 1000}", "rate": RATE}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def joins(url: str) -> int:
    address = url.removeprefix("ws://").split("/")[0]
    with urllib.request.urlopen(f"http://{address}/stats", timeout=10) as answer:
        return orjson.loads(answer.read())["joins"]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def child_of(pid: int) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                return int(entry.name)
    raise ProcessLookupError(pid)


def wait_for(text: str, log: Path) -> None:
    """Look into another process's log until it says so, or a deadline."""
    deadline_s = time.monotonic() + GIVE_UP_S
    while text not in log.read_text():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{text!r} never came\n{log.read_text()}")
        time.sleep(0.02)


def measure(users: int, rate: float, folder: Path, processes: list[subprocess.Popen]) -> bool:
    python = sys.executable
    server = subprocess.Popen(
        [python, "-m", "fastphx", "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    processes.append(server)
    url = server.stdout.readline().strip()
    locustfile = folder / "locustfile.py"
    locustfile.write_text(LOCUSTFILE.replace("RATE", str(rate)))
    port = str(free_port())
    logs = []
    of_master = ("--headless", "--only-summary", "--expect-workers", "1", "--master-bind-port", port)
    of_run = ("-u", str(users), "-r", "1000", "--host", url, "--csv", str(folder / "out"))
    for arguments in (
        ("--master", *of_master, *of_run),
        ("--worker", "--master-host", "127.0.0.1", "--master-port", port),
    ):
        logs.append(folder / f"{len(logs)}.log")
        with logs[-1].open("w") as log:
            command = [python, "-m", "locust", "-f", str(locustfile), *arguments]
            processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            )
    _, master, worker = processes
    wait_for("Sending spawn jobs", logs[0])
    from_s = time.monotonic()
    while (joined := joins(url)) < users and time.monotonic() < from_s + GIVE_UP_S:
        # Each look is a request to the server that is loaded.
        time.sleep(0.05)
    join_s = time.monotonic() - from_s
    # What the joins left to do is no part of the steady state.
    time.sleep(STEADY_S / 2)
    names = {"locust worker": worker.pid, "fastphx worker": child_of(worker.pid), "locust master": master.pid}
    before = {name: cpu_s(pid) for name, pid in names.items()}
    steady_from_s = time.monotonic()
    # The span that is measured.
    time.sleep(STEADY_S)
    steady_s = time.monotonic() - steady_from_s
    cores = {name: (cpu_s(pid) - before[name]) / steady_s for name, pid in names.items()}
    print(f"{joined} of {users} joined after {join_s:.1f} s (at most {MAX_JOIN_S:g})")
    for name, pid in names.items():
        print(f"{name}: {cores[name]:.1%} of a core, {rss_mib(pid):.0f} MiB")
    met = joined == users and join_s <= MAX_JOIN_S and cores["locust worker"] < MAX_CPU
    master.terminate()
    code = master.wait(GIVE_UP_S)
    print(f"master left with code {code}: {'met' if met and code == 0 else 'NOT MET'}")
    print((folder / "out_stats.csv").read_text())
    return met and code == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=0.1, help="pushes a second of each socket")
    arguments = parser.parse_args()
    processes: list[subprocess.Popen] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            met = measure(arguments.users, arguments.rate, Path(folder), processes)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
    sys.exit(not met)


if __name__ == "__main__":
    main()
