import asyncio
from collections.abc import Callable
from typing import Any, final

from fastphx.gen_socket_client.own_loop import OwnLoop
from fastphx.timing.wheel import Timer, TimerWheel

@final
class Caller(Timer):
    """One waiting ``call``. It is answered at most once; later answers are dropped, and counted."""

    def __init__(self, own_loop: OwnLoop, count_late_reply: Callable[[], object]) -> None: ...
    @property
    def future(self) -> asyncio.Future[Any]: ...
    def expire_after(self, timeout_s: float, wheel: TimerWheel) -> None:
        """Let the call raise :class:`~fastphx.errors.CallTimeoutError` if it has no answer in time, unless
        ``cancel()`` comes first. Raises ValueError for nan."""
    def answer(self, value: Any) -> None:
        """Set the answer, on the socket's event loop."""
    def fail(self, error: BaseException) -> None:
        """Let the call raise *error*, on the socket's event loop."""
    def reply(self, value: Any) -> None:
        """Answer, from any thread. For another thread than the loop's, see ``OwnLoop.run``."""

def reply(caller: Caller, value: Any) -> None:
    """Answer a ``call`` whose ``handle_call`` returned ``NoReply``, at any time and from any thread."""
