"""Ctrl-C that comes while another greenlet than Locust's runs."""

from __future__ import annotations

import signal
import subprocess
import sys

BUSY = """
import time, gevent
from fastphx.load.locust.interrupt import interrupt_the_main_greenlet

interrupt_the_main_greenlet()

def read():
    print("reading", flush=True)
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    print("read")

reader = gevent.spawn(read)
try:
    gevent.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
reader.join()
"""


def test_ctrl_c_is_the_main_greenlets_whoever_runs() -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("read\ninterrupted\n", "")
