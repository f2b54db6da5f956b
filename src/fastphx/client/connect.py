"""``fastphx.connect``."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Literal

from fastphx.client.client import Client
from fastphx.client.options import Backoff, Options, ReconnectRule
from fastphx.timing.backoff import DEFAULT_BASE_S, DEFAULT_CAP_S
from fastphx.transports.endpoint import Params


def connect(
    url: str,
    *,
    params: Params | Callable[[], Any] = (),
    headers: Any = (),
    auth_token: str | Callable[[], Any] | None = None,
    transport: Any = "websocket",
    longpoll_fallback: float | None = None,
    serializer: Any = None,
    heartbeat_interval: float = 30.0,
    timeout: float = 10.0,
    open_timeout: float | None = 30.0,
    reconnect: ReconnectRule = None,
    backoff: Backoff | None = None,
    backoff_base: float = DEFAULT_BASE_S,
    backoff_cap: float = DEFAULT_CAP_S,
    rejoin_backoff: Backoff | None = None,
    hold: float = 5.0,
    give_up_after: float | None = None,
    buffer: int = 0,
    shards: int | Literal["auto"] = 1,
    max_shards: int = 1000,
    max_in_flight: int = 65536,
    metrics: Any = None,
    random: Random | None = None,
    **transport_opts: Any,
) -> Client:
    """A client of the Phoenix socket at *url* (``ws://host/socket``, as for phoenix.js).

    ``async with connect(…) as client`` opens it and closes it; ``await connect(…)`` only opens it. Times are
    in seconds.

    *params* of the URL, *headers* of the handshake and *auth_token* (Phoenix 1.8) may each be a value, or a
    callable, plain or async, that is called at each attempt. *transport*: ``"websocket"``, ``"longpoll"``, or
    a class like :class:`fastphx.transports.Transport`. *longpoll_fallback*: use long polling if the first
    WebSocket is not open after this time, or does not answer a heartbeat within this time. *serializer*:
    JsonV2 by default. *heartbeat_interval*: the connection ends if a heartbeat is not answered when the next
    one is due; 0: no heartbeats. *timeout*: for joins, pushes and leaves that give none. *open_timeout*: how
    long to try to open the client; None: for ever.

    *reconnect*: called with a reason, it says whether to connect again; or a bool for all reasons. None:
    after all but a normal close (1000) and HTTP 401, 403, 404 and 410. After a first connection, 404 is
    retried, too, and 401 and 403 once more if *params*, *headers* or *auth_token* is a callable. *backoff*:
    called with the number of the retry, it returns the delay. The default is uniform between 0 and
    ``backoff_base * 2 ** (retry - 1)``, at most *backoff_cap*. If the server's refusal has a ``Retry-After``,
    that is added, up to *backoff_cap*. Retries count from 1 again once a connection has lasted for *hold*.
    *rejoin_backoff*: the same for channels that crashed or were refused. *give_up_after*: how long there may
    be no connection before the client is closed; None: for ever.

    *buffer*: how many pushes and casts may wait while disconnected, each at most for its timeout; 0: they
    raise DisconnectedError. *shards*: the number of sockets that share the topics; ``"auto"``: as many as the
    server's limit on channels requires, at most *max_shards*. *max_in_flight*: how many pushes of one socket
    may wait for their reply. *metrics*: an OpenTelemetry meter provider, or True for the global one.
    *random*: the generator for the delays.

    *transport_opts*: see :class:`fastphx.transports.options.ConnectOptions`. Raises ValueError for an invalid
    argument.
    """
    options = Options(
        url=url,
        params=params,
        headers=headers,
        auth_token=auth_token,
        transport=transport,
        longpoll_fallback=longpoll_fallback,
        serializer=serializer,
        heartbeat_interval=heartbeat_interval,
        timeout=timeout,
        open_timeout=open_timeout,
        reconnect=reconnect,
        backoff=backoff,
        backoff_base=backoff_base,
        backoff_cap=backoff_cap,
        rejoin_backoff=rejoin_backoff,
        hold=hold,
        give_up_after=give_up_after,
        buffer=buffer,
        shards=shards,
        max_shards=max_shards,
        max_in_flight=max_in_flight,
        transport_opts=transport_opts,
    )
    if random is not None:
        options.random = random
    client = Client(options)
    if metrics is not None and metrics is not False:
        from fastphx.client.metrics import observe

        observe(client, None if metrics is True else metrics)
    return client
