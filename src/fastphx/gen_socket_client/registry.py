"""The names of running sockets: one table for each process."""

from __future__ import annotations

import threading

from fastphx.errors import StartError
from fastphx.gen_socket_client.socket import Socket

_lock = threading.Lock()
_sockets: dict[str, Socket] = {}


def register(name: str, socket: Socket) -> None:
    """Give *socket* the name. Raises :class:`~fastphx.errors.StartError` if a running socket has it."""
    with _lock:
        if name in _sockets:
            raise StartError(f"the name {name!r} is taken by a running socket")
        _sockets[name] = socket


def unregister(socket: Socket) -> None:
    """Free *socket*'s name, if it has one."""
    if socket.name is not None:
        with _lock:
            if _sockets.get(socket.name) is socket:
                del _sockets[socket.name]


def whereis(name: str) -> Socket | None:
    """The running socket that was started with ``name=``, or None."""
    with _lock:
        return _sockets.get(name)
