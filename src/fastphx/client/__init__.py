"""The async client. Its files are named as those of phoenix.js."""

from fastphx.client.channel import Channel
from fastphx.client.client import Client
from fastphx.client.connect import connect
from fastphx.client.outage import Outage
from fastphx.client.presence import Presence
from fastphx.client.push import Reply
from fastphx.client.state import ClientState
from fastphx.client.stats import Stats
from fastphx.protocol.joins import JoinState

__all__ = ["Channel", "Client", "ClientState", "JoinState", "Outage", "Presence", "Reply", "Stats", "connect"]
