"""Options of a socket that not every system has, or that each has in a form of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys

from fastphx.operating_system import IS_LINUX

# Winsock's struct linger has two shorts.
_LINGER_NONE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


def choose_port_when_connecting(sock: socket.socket) -> None:
    """Let a socket that is bound to port 0 get its port when it connects, and so for one destination only.
    Elsewhere than on Linux it gets the port at once."""
    if IS_LINUX:
        # socket.IP_BIND_ADDRESS_NO_PORT has a name only from Python 3.12.
        sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)


def check_listening(server: asyncio.Server) -> None:
    """Close *server* and raise OSError if it listens on nothing: a loop leaves out a socket that could not be
    made, and uvloop one that could not listen, and neither says so."""
    # uvloop has None for a socket that it has closed.
    sockets: list[socket.socket | None] = list(server.sockets)
    if sockets and None not in sockets:
        return
    server.close()
    # If there is still no file for one, this says it.
    socket.socket().close()
    raise OSError(errno.EADDRNOTAVAIL, "no socket could be made to listen")


def reset_on_close(sock: socket.socket) -> None:
    """End the connection with a reset when it is closed, as a machine that has lost it does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
