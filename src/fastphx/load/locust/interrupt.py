"""Ctrl-C in a Locust process, which is for its main greenlet alone."""

from __future__ import annotations

import signal

import gevent


def interrupt_the_main_greenlet() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt in the main greenlet, where Locust waits for it.

    Python raises it in whatever greenlet is running. If that is the one which reads a worker process, it
    ends, and the process is then waited for in vain. Another handler than Python's own is left as it is.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        hub = gevent.get_hub()
        gevent.signal_handler(signal.SIGINT, hub.handle_system_error, KeyboardInterrupt, KeyboardInterrupt())
