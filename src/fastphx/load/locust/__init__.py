"""Runs inside Locust's own cluster: one Locust user is one Phoenix socket.

A locustfile needs a :class:`PhoenixUser` and nothing else. The sockets live in a process beside each Locust
worker (``fastphx.load.worker``), and Locust gets what it counted and timed in batches.
"""

try:
    from fastphx.load.locust.binding import Binding, bind
    from fastphx.load.locust.user import PhoenixUser
except ModuleNotFoundError as error:
    if error.name not in ("gevent", "locust"):
        raise
    raise ModuleNotFoundError(
        "fastphx.load.locust needs locust: pip install fastphx[locust]", name=error.name
    ) from None

__all__ = ["Binding", "PhoenixUser", "bind"]
