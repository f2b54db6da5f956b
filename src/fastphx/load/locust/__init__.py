"""Runs inside Locust's own cluster: one Locust user is one Phoenix socket.

A locustfile needs a :class:`PhoenixUser` and nothing else. The sockets live in a process beside each Locust
worker (``fastphx.load.worker``), and Locust gets what it counted and timed in batches.
"""

from fastphx.load.locust.binding import Binding, bind
from fastphx.load.locust.user import PhoenixUser

__all__ = ["Binding", "PhoenixUser", "bind"]
