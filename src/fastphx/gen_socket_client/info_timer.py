"""A message that is on its way to ``handle_info``."""

from __future__ import annotations

from collections.abc import Callable

from fastphx.gen_socket_client.own_loop import OwnLoop
from fastphx.timing.wheel import CallbackTimer, TimerWheel


class InfoTimer:
    """What ``send_after`` returns. Its methods may be called from any thread.

    It is in *waiting* until *send* is called, or it is cancelled.
    """

    __slots__ = ("_own_loop", "_send", "_timer", "_waiting")

    def __init__(
        self,
        own_loop: OwnLoop,
        wheel: TimerWheel,
        delay_s: float,
        send: Callable[[], object],
        waiting: set[InfoTimer],
    ) -> None:
        self._own_loop = own_loop
        self._send = send
        self._waiting = waiting
        self._timer = CallbackTimer(self._due)
        self._timer.schedule(wheel, delay_s)
        waiting.add(self)

    def cancel(self) -> bool:
        """Do not send it. False if it was already sent or cancelled."""
        return self._own_loop.run(self.cancel_here)

    def cancel_here(self) -> bool:
        """The same, on the socket's event loop."""
        self._timer.cancel()
        if self not in self._waiting:
            return False
        self._waiting.discard(self)
        return True

    def _due(self) -> None:
        self._waiting.discard(self)
        self._send()

    @property
    def timer(self) -> CallbackTimer:
        """The wheel's timer."""
        return self._timer
