"""Which of a client's sockets a topic goes to. Phoenix allows 100 channels a socket by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastphx.client.socket import Socket


def roomiest(sockets: Sequence[Socket]) -> Socket | None:
    """The socket with the fewest channels among those that may take another; None where all are full."""
    with_room = [socket for socket in sockets if socket.cap is None or len(socket.channels) < socket.cap]
    return min(with_room, key=lambda socket: len(socket.channels), default=None)


def learn_cap(socket: Socket, held: int) -> None:
    """*socket* was refused a channel with *held* ones on it: so many are allowed."""
    socket.cap = held if socket.cap is None else min(socket.cap, held)
