"""The embedded server passes what a real Phoenix passes: the part of that suite that needs only a socket."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from fastphx.testing.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
FILES = ("test_behaviour", "test_client", "test_presence", "test_closing")
TIMEOUT_S = 120.0


def test_the_suite_against_the_embedded_server() -> None:
    with ServerProcess("--longpoll", "--compress") as server:
        suite = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark"),
                *(f"tests/phoenix/{name}.py" for name in FILES),
            ],
            cwd=ROOT,
            env={**os.environ, "PHOENIX": server.url, "PHOENIX_START": ""},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert suite.returncode == 0, suite.stdout
    passed = re.search(r"(\d+) passed", suite.stdout)
    assert passed is not None
    assert int(passed[1]) > 90
