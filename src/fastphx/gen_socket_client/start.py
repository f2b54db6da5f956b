"""Starting a socket."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import random
import sys
from collections.abc import Mapping
from typing import Any

from fastphx.errors import BadReturnError, StartError, clip_repr
from fastphx.gen_socket_client import registry
from fastphx.gen_socket_client.behaviour import GenSocketClient
from fastphx.gen_socket_client.responses import Connect, Ignore, NoConnect, Stop
from fastphx.gen_socket_client.socket import Socket
from fastphx.serializers import Serializer
from fastphx.transports.base import Transport
from fastphx.transports.longpoll import LongPollOptions, LongPollTransport
from fastphx.transports.options import ConnectOptions, repeatable
from fastphx.transports.websocket_transport import WebSocketTransport

MAILBOX_LIMIT = 1000
MAILBOX_LIMIT_BYTES = 16 * 1024 * 1024


async def start_link(
    callback: type[GenSocketClient] | GenSocketClient,
    transport: type[Transport] = WebSocketTransport,
    arg: Any = None,
    *,
    serializer: Serializer | None = None,
    transport_opts: Mapping[str, Any] | None = None,
    name: str | None = None,
    timeout: float = 5.0,
    trap_exit: bool = False,
    callback_executor: concurrent.futures.Executor | None = None,
    mailbox_limit: int = MAILBOX_LIMIT,
    mailbox_limit_bytes: int = MAILBOX_LIMIT_BYTES,
    rng: random.Random | None = None,
) -> Socket | None:
    """Start a socket: make the callback's instance, run its ``init(arg)``, and connect if that says so.

    Returns the :class:`Socket`, or None if ``init`` returned ``Ignore``. It does not wait for the connection.
    *timeout* is how many seconds ``init``, ``terminate``, a stop, and calls from other threads may take.
    *name* registers the socket for :func:`whereis`. With *trap_exit*, a transport that crashes is a
    disconnect. With *callback_executor*, plain callbacks run there. Then, and for ``async`` callbacks, events
    wait in order in a mailbox. Reading pauses when it holds *mailbox_limit* events, or *mailbox_limit_bytes*
    of payloads (with another serializer than JsonV2: the bytes of the frames, or of what they become).

    Raises :class:`~fastphx.errors.StartError` if ``init`` stopped, raised or took too long, or the name is
    taken; ValueError for an invalid option, URL or parameter; and TypeError if *callback* is not a
    GenSocketClient, *transport* is not a class of a transport, or *serializer* is no serializer.
    """
    if not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise ValueError(f"timeout is {clip_repr(timeout)}: give seconds, more than 0")
    if not isinstance(transport, type) or not hasattr(transport, "start"):
        raise TypeError(
            f"transport is {clip_repr(transport)}: give a class with a start, like WebSocketTransport"
        )
    for bound_name, bound in (("mailbox_limit", mailbox_limit), ("mailbox_limit_bytes", mailbox_limit_bytes)):
        if not isinstance(bound, int) or not 1 <= bound <= sys.maxsize:
            raise ValueError(f"{bound_name} is {clip_repr(bound)}: give at least 1")
    if serializer is not None and not isinstance(serializer, Serializer):
        raise TypeError(f"serializer is {clip_repr(serializer)}: give an object with vsn, encode and decode")
    opts = repeatable(transport_opts or {})
    if issubclass(transport, WebSocketTransport):
        ConnectOptions.from_mapping(opts)
    elif issubclass(transport, LongPollTransport):
        LongPollOptions.from_mapping(opts)
    client = callback() if isinstance(callback, type) else callback
    if not isinstance(client, GenSocketClient):
        raise TypeError(
            f"callback is {clip_repr(callback)}: give a subclass of GenSocketClient, or an instance of one"
        )
    socket = Socket(
        client,
        transport,
        serializer=serializer,
        transport_opts=opts,
        name=name,
        timeout=timeout,
        trap_exit=trap_exit,
        callback_executor=callback_executor,
        mailbox_limit=mailbox_limit,
        mailbox_limit_bytes=mailbox_limit_bytes,
        rng=rng or random.Random(),
        ended=registry.unregister,
    )
    client.socket = socket
    if name is not None:
        registry.register(name, socket)
    started = False
    try:
        started = await _start(socket, arg, timeout)
    finally:
        if not started:
            socket.abandon()
    return socket if started else None


async def _start(socket: Socket, arg: Any, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout) as bound:
            response = await socket.run_init(arg)
    except Exception as error:
        if bound.expired():
            raise StartError(TimeoutError(f"init took more than {timeout:g} s")) from error
        raise StartError(error) from error
    if isinstance(response, Ignore):
        return False
    if isinstance(response, Stop):
        raise StartError(response.reason)
    if not isinstance(response, Connect | NoConnect) or response.url is None:
        wrong = BadReturnError(
            f"init returned {clip_repr(response)}: "
            "return Connect(url, …), NoConnect(url, …), Ignore() or Stop(reason)"
        )
        raise StartError(wrong) from wrong
    try:
        socket.begin(response)
    except BadReturnError as wrong:
        raise StartError(wrong) from wrong
    return True
