from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import final

class Timer:
    """Something that is due at a time (compiled; `on_timer` is a C method). In at most one wheel."""

    @property
    def deadline_ns(self) -> int: ...
    @property
    def scheduled(self) -> bool:
        """Whether it is in a wheel."""
    def cancel(self) -> None:
        """Take it out of its wheel, if it is in one."""

class CallbackTimer(Timer):
    """Calls *callback*, without arguments, when it is due: once each time it is scheduled.

    An exception of the callback goes to the loop's exception handler.
    """

    def __init__(self, callback: Callable[[], object]) -> None: ...
    @property
    def callback(self) -> Callable[[], object]: ...
    def schedule(
        self, wheel: TimerWheel, delay_s: float | None = None, *, deadline_ns: int | None = None
    ) -> None:
        """Put it into *wheel*, or move it: due in *delay_s* seconds, or when time.monotonic_ns() has reached
        *deadline_ns*. With a delay below 0, it is due at once; delays end at 146 years. Raises TypeError
        unless exactly one of them is given, and ValueError if delay_s is nan."""

@final
class TimerWheel:
    """Timers of one event loop; O(1) to schedule and to cancel, and asleep when empty.

    A timer fires once, at or after its deadline, never before. Without a loop, the wheel does nothing by
    itself, and `advance` moves it. *timerfd* is for systems that have one (Linux). Without it, the loop's own
    timers are used, and timers fire up to about two milliseconds late.
    """

    def __init__(self, loop: AbstractEventLoop | None = None, *, timerfd: bool = True) -> None: ...
    @property
    def loop(self) -> AbstractEventLoop | None: ...
    def __len__(self) -> int:
        """How many timers wait."""
    @property
    def next_deadline_ns(self) -> int | None:
        """When to advance next: at the next deadline or somewhat earlier, never later. None when empty."""
    def advance(self, now_ns: int) -> int:
        """Fire every timer whose deadline is at or before *now_ns*, and return how many.

        What a timer schedules meanwhile waits for the next call, even if it is due. Without a loop, this
        raises what a timer raised, after all have fired; if several raised, an ExceptionGroup.
        """

def wheel_for(loop: AbstractEventLoop) -> TimerWheel:
    """The one wheel of *loop*. It is made when first asked for, and gone with its timers and the loop."""
