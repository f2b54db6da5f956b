"""The async client. Its files are named as those of phoenix.js."""

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
