"""A message that is on its way to ``handle_info``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fastphx.timing.wheel import CallbackTimer, TimerWheel

if TYPE_CHECKING:
    from fastphx.gen_socket_client.socket import Socket


class InfoTimer:
    """What ``send_after`` returns. Its methods may be called from any thread."""

    __slots__ = ("_socket", "_timer")

    def __init__(
        self, socket: Socket, wheel: TimerWheel, delay_s: float, send: Callable[[InfoTimer], None]
    ) -> None:
        self._socket = socket
        self._timer = CallbackTimer(lambda: send(self))
        self._timer.schedule(wheel, delay_s)

    def cancel(self) -> bool:
        """Send it no more. False where it was sent, or cancelled, already."""
        return self._socket.run_on_loop(self._socket.cancel_info, self)

    @property
    def timer(self) -> CallbackTimer:
        """The wheel's timer."""
        return self._timer
