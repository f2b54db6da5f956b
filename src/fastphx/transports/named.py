"""The transports that have a name: the two of phoenix.js."""

from __future__ import annotations

import functools
from importlib import import_module

from fastphx.transports.base import Transport

_HOMES = {
    "websocket": ("fastphx.transports.websocket_transport", "WebSocketTransport"),
    "longpoll": ("fastphx.transports.longpoll", "LongPollTransport"),
}

TRANSPORT_NAMES = tuple(_HOMES)
"""Each is also the last part of the path in its URL."""


@functools.cache
def transport_named(name: str) -> type[Transport]:
    """The transport class of that *name*, imported when it is first asked for: long polling needs aiohttp."""
    module, class_name = _HOMES[name]
    transport_class: type[Transport] = getattr(import_module(module), class_name)
    return transport_class
