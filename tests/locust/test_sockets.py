"""The worker process of a Locust process, in gevent's loop, which needs a process of its own."""

from __future__ import annotations

import subprocess
import sys

TWICE = """\
import os
import gevent
from fastphx.load.locust.sockets import Sockets
from tests.load.processes import children_of, command_of

sockets = Sockets("Room", *[lambda *_: None] * 4)
gevent.joinall([gevent.spawn(sockets.prepare) for _ in range(3)], raise_error=True)
print(sum("fastphx.load.worker" in command_of(pid) for pid in children_of(os.getpid())))
sockets.close_process()
"""


def test_a_test_that_starts_while_the_process_does_starts_no_second_one() -> None:
    ended = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, "1\n"), ended.stderr
