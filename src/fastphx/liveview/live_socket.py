"""The live socket: one connection, on which each view of a page has its channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from fastphx.client.channel import Channel
from fastphx.client.client import Client
from fastphx.client.options import Options
from fastphx.errors import ConnectError, ConnectionClosed, DisconnectReason
from fastphx.liveview.page import Page
from fastphx.protocol.message import Message
from fastphx.transports.cookies import Cookies
from fastphx.transports.endpoint import Params, param_pairs

JOIN_TIMEOUT_S = 10.0
EVENT_TIMEOUT_S = 30.0
"""After which an event that nobody has answered makes LiveView's client load the page again."""
REJOIN_S = (1.0, 2.0, 5.0, 10.0)
"""phoenix.js' waits before it joins a crashed channel again; the last is for all that follow."""
RECONNECT_S = (0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)
"""phoenix.js' waits before it opens a lost connection again."""
_FINAL = frozenset((401, 403, 404, 410))


class LiveChannel(Channel):
    """A channel whose replies are told when they are read."""

    __slots__ = ()

    def take_response(self) -> tuple[Any, int]:
        """The server's response to the last join, and the bytes of its answer. It is not kept: a view's can
        be large."""
        membership = self._membership
        response, membership.response = membership.response, None
        return response, membership.response_bytes

    async def ask(
        self, event: str, payload: Any, on_reply: Callable[[Message], object] | None, timeout_s: float
    ) -> Message:
        """As :meth:`fastphx.client.channel.Channel.push`, whatever the reply's status. *on_reply(message)* is
        called before any message that follows the reply: a diff in it goes before those."""
        message, _ = await self._pusher.answer(event, payload, timeout_s, on_reply)
        return message


class LiveClient(Client):
    """A client whose channels are :class:`LiveChannel`."""

    channel_class = LiveChannel


@dataclass(slots=True)
class SocketOptions:
    """How a browser connects; see :func:`fastphx.liveview.browse`."""

    live_path: str = "/live"
    transport: str = "websocket"
    params: Params = field(default=(), repr=False)
    headers: Any = field(default=(), repr=False)
    heartbeat_interval: float = 30.0
    connect_timeout: float = 10.0
    keeps_up: bool = True
    """Whether a lost connection is opened again, and a crashed view joined again."""
    transport_opts: Mapping[str, Any] = field(default_factory=dict, repr=False)


def live_options(page: Page, given: SocketOptions, cookies: Cookies | None, random: Random) -> Options:
    """Those of the client for *page*'s live socket. Raises ValueError."""
    parts = urlsplit(page.url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    path = page.live_path or given.live_path
    return Options(
        # A user name is of the document alone, as in a browser.
        url=f"{scheme}://{parts.netloc.rpartition('@')[2]}/{path.strip('/')}",
        params=socket_params(page, given.params),
        headers=given.headers,
        transport=given.transport,
        heartbeat_interval=given.heartbeat_interval,
        timeout=JOIN_TIMEOUT_S,
        open_timeout=given.connect_timeout,
        reconnect=_reconnects if given.keeps_up else False,
        backoff=_reconnect_s,
        rejoin_backoff=rejoin_s if given.keeps_up else _never,
        hold=0.0,
        random=random,
        transport_opts={"cookies": cookies, **given.transport_opts},
    )


def socket_params(page: Page, own: Params) -> list[tuple[str, str]]:
    """The query of the live socket, ``vsn`` aside: the page's token, and what the application adds."""
    pairs = [("_csrf_token", page.csrf_token)] if page.csrf_token else []
    pairs += param_pairs(own)
    pairs += [(f"_track_static[{number}]", url) for number, url in enumerate(page.track_static)]
    return [*pairs, ("_mounts", "0")]


def rejoin_s(attempt: int) -> float:
    """How long to wait before the *attempt*th rejoin, counted from 1."""
    return REJOIN_S[min(attempt, len(REJOIN_S)) - 1]


def _reconnect_s(attempt: int) -> float:
    return RECONNECT_S[min(attempt, len(RECONNECT_S)) - 1]


def _never(_: int) -> float:
    return 86400.0


def _reconnects(reason: DisconnectReason) -> bool:
    """As phoenix.js, after all but a normal close; but not where the server has refused the socket."""
    if isinstance(reason, ConnectionClosed):
        return reason.code != 1000
    return not (isinstance(reason, ConnectError) and reason.status in _FINAL)
