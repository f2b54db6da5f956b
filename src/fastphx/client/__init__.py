"""The async client. A file has phoenix.js' name if that has the same thing: socket, channel, push, presence.

Each file may import those before it: options, context, socket, pool; delivery, push_buffer, membership, push,
channel; client, connect. ``presence`` uses a channel, ``metrics`` a client.
"""

from fastphx.client.channel import Channel
from fastphx.client.client import Client
from fastphx.client.connect import connect
from fastphx.client.outage import Outage
from fastphx.client.presence import Presence
from fastphx.client.push import PushReply
from fastphx.client.state import ClientState
from fastphx.client.stats import Stats
from fastphx.protocol.joins import JoinState

Reply = PushReply
"""The older name."""

__all__ = [
    "Channel",
    "Client",
    "ClientState",
    "JoinState",
    "Outage",
    "Presence",
    "PushReply",
    "Reply",
    "Stats",
    "connect",
]
