"""Ninety thousand idle, joined sockets on one machine: several workers, servers and source addresses.

Run it with ``make bench-scale``. It needs 20,000 open files a process and some 3 GiB of memory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

MAX_RSS_BYTES = 12_000
FASTPHX = (sys.executable, "-m", "fastphx")


@contextlib.contextmanager
def servers(count: int) -> Iterator[str]:
    """That many server processes on one port; their URL."""
    started: list[subprocess.Popen[str]] = []
    url, port = "", "0"
    try:
        for _ in range(count):
            server = subprocess.Popen(
                [*FASTPHX, "serve", "--reuse-port", "--port", port], stdout=subprocess.PIPE, text=True
            )
            started.append(server)
            assert server.stdout is not None
            url = server.stdout.readline().split()[0]
            port = url.rsplit(":", 1)[1].split("/")[0]
        yield url
    finally:
        for server in started:
            server.kill()
            server.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=90_000)
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument("--servers", type=int, default=6)
    parser.add_argument("--sources", default="127.0.0.1-127.0.0.8")
    parser.add_argument("--duration", default="20s")
    parser.add_argument("--connect-rate", default="2000")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, servers(arguments.servers) as url:
        json_path = Path(folder) / "scale.json"
        code = subprocess.run(
            [
                *(*FASTPHX, "load", url, "--scenario", "idle", "--connections", str(arguments.connections)),
                *("--workers", str(arguments.workers), "--source", arguments.sources),
                *("--connect-rate", arguments.connect_rate, "--duration", arguments.duration),
                *("--connect-timeout", "60s", "--join-timeout", "60s", "--json", str(json_path)),
            ],
            check=False,
        ).returncode
        result = json.loads(json_path.read_bytes())
    alive, rss_bytes = result["totals"]["alive_at_end"], result["client"]["rss_bytes_per_connection"]
    met = alive == arguments.connections and rss_bytes <= MAX_RSS_BYTES
    verdict = "met" if met else "NOT MET"
    print(f"alive {alive} of {arguments.connections}, {rss_bytes:.0f} bytes a socket: {verdict}")
    return code or int(not met)


if __name__ == "__main__":
    sys.exit(main())
