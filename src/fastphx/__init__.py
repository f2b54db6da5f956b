"""fastphx: a Phoenix Channels client and load tester whose hot path is compiled.

The public names are imported when they are first asked for, so that a program, or a command, starts with what
it uses. ``__init__.pyi`` has the same names for type checkers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

# Without -X gil=0, a free-threaded Python enables the lock when it imports the first compiled module.
if getattr(sys.flags, "gil", None) == 0:
    raise ImportError(
        "fastphx needs the global interpreter lock, which guards its compiled modules' caches and sockets: "
        "run Python without -X gil=0 and PYTHON_GIL=0",
        name="fastphx",
    )

_HOMES = {
    "fastphx.client": (
        "Channel",
        "Client",
        "ClientState",
        "JoinState",
        "Outage",
        "Presence",
        "PushReply",
        "Stats",
        "connect",
    ),
    "fastphx.errors": (
        "AlreadyJoinedError",
        "BadReturnError",
        "CallTimeoutError",
        "ChannelCrashedError",
        "ClosedError",
        "ConnectError",
        "ConnectionClosed",
        "ConnectionLostError",
        "DecodeError",
        "DisconnectedError",
        "DisconnectReason",
        "EncodingError",
        "FastphxError",
        "HeartbeatTimeout",
        "JoinError",
        "JoinTimeoutError",
        "NotJoinedError",
        "OverloadedError",
        "PushError",
        "PushTimeoutError",
        "StartError",
        "StoppedError",
        "TransportDown",
    ),
    "fastphx.gen_socket_client": (
        "TIMEOUT",
        "Connect",
        "GenSocketClient",
        "Ignore",
        "NoConnect",
        "NoReply",
        "Ok",
        "Reply",
        "Socket",
        "Stop",
        "TransportHandle",
        "reply",
        "start_link",
        "whereis",
    ),
    "fastphx.protocol.frame_write": ("RawJson",),
    "fastphx.serializers": (
        "GzipJson",
        "JsonV1",
        "JsonV2",
        "Serializer",
        "SupabaseV2",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

_PACKAGES = ("liveview", "load", "testing")
"""What stands beside the client, with names of its own: ``fastphx.liveview.browse``."""

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import what *name* stands for (PEP 562)."""
    if name in _PACKAGES:
        return import_module(f"fastphx.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'fastphx' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
