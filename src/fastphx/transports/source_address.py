"""The address that a connection comes from."""

from __future__ import annotations

import errno
import socket
import sys


def bind(sock: socket.socket, local_addr: tuple[str, int]) -> None:
    """Bind *sock* to an address of this machine. With port 0 the port is chosen when connecting, and so taken
    for one destination only (Linux). Raises OSError; another machine's address does not look like a lack of
    ports."""
    if local_addr[1] == 0 and sys.platform == "linux":
        # socket.IP_BIND_ADDRESS_NO_PORT has a name only from Python 3.12.
        sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    try:
        sock.bind(local_addr)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise OSError(errno.ENXIO, f"{local_addr[0]} is not an address of this machine") from None
        raise
