"""The address that a connection comes from."""

from __future__ import annotations

import errno
import socket

from fastphx.operating_system.sockets import choose_port_when_connecting


def bind(sock: socket.socket, local_addr: tuple[str, int]) -> None:
    """Bind *sock* to an address of this machine. With port 0 the port is chosen when connecting, and so taken
    for one destination only (Linux). Raises OSError; another machine's address does not look like a lack of
    ports."""
    if local_addr[1] == 0:
        choose_port_when_connecting(sock)
    try:
        sock.bind(local_addr)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise OSError(errno.ENXIO, f"{local_addr[0]} is not an address of this machine") from None
        raise
