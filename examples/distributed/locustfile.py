"""One Locust user is one Phoenix socket: each joins one of 1,000 rooms and pushes every ten seconds.

The same file serves the compose file, the Kubernetes manifests, and one machine::

    locust -f locustfile.py --processes -1 --host ws://127.0.0.1:4000/socket
"""

from typing import ClassVar

from fastphx.load.locust import PhoenixUser


class Room(PhoenixUser):
    host = "ws://127.0.0.1:4000/socket"
    plan: ClassVar = {"scenario": "echo", "topic": "room:{i % 1000}", "rate": 0.1}
