"""A scenario of your own: a Python file with a class ``Scenario``.

::

    class Scenario:
        def setup(self):                                  # once a socket, before it connects
            self.sent = 0
        def on_joined(self, topic, response):
            self.every(1.0, self.beat)
        def beat(self):
            self.push("echo", {"n": self.sent, "user": self.row["name"]})
        def on_reply(self, ref, status, response): ...
        def on_message(self, topic, event, payload): ...

``on_message`` also gets what comes on topics that were not joined, as GraphQL subscriptions of Absinthe do.
Counting and timing stay compiled; Python runs only for the hooks that the class has, until the socket is
closed or the run stops. An exception in one fails the run.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from fastphx.errors import DisconnectedError, NotJoinedError, OverloadedError, clip
from fastphx.load.plan.error import PlanError
from fastphx.protocol.frame_write import NO_PAYLOAD
from fastphx.timing.wheel import CallbackTimer, TimerWheel

HOOKS = ("setup", "on_joined", "on_message", "on_reply")


class ScriptedSocket(Protocol):
    """The socket that a script acts on."""

    script: Any

    @property
    def i(self) -> int: ...
    @property
    def topics(self) -> tuple[str, ...]: ...
    def use_script(self, script: Any) -> object: ...
    def send(self, topic: str, event: str, payload: Any, awaits: bool) -> int: ...


class ScriptOwner(Protocol):
    """Who runs scripts: is told of what they raise, and which socket is done."""

    def script_failed(self, hook: str, error: BaseException) -> object: ...
    def script_closed(self, session: Any) -> object: ...


@dataclass(slots=True)
class Running:
    """What a script's methods work with, in one attribute: all other names are the script's to use."""

    session: ScriptedSocket
    wheel: TimerWheel
    owner: ScriptOwner
    timers: list[CallbackTimer] = field(default_factory=list)


class Script:
    """What a file's class ``Scenario`` is given, for one socket.

    ``i`` is the connection's number, ``row`` its row of the data file, ``random`` its own generator (the
    same for the same plan's ``seed`` and ``i``), ``topics`` what it joins.
    """

    i: int
    row: Mapping[str, str]
    random: Random
    topics: tuple[str, ...]
    _fastphx: Running

    def push(self, event: str, payload: Any = NO_PAYLOAD, topic: str | None = None) -> int:
        """Push, time the reply, and return the ref that ``on_reply`` gets. The payload is ``{}`` and the
        topic the first one unless given. Raises NotJoinedError, DisconnectedError, OverloadedError and
        EncodingError, and ValueError for a topic that this socket does not join; then it counts as
        unsent."""
        session = self._fastphx.session
        return session.send(session.topics[0] if topic is None else topic, event, payload, True)

    def cast(self, event: str, payload: Any = NO_PAYLOAD, topic: str | None = None) -> int:
        """Push, and expect no reply."""
        session = self._fastphx.session
        return session.send(session.topics[0] if topic is None else topic, event, payload, False)

    def every(self, seconds: float, function: Callable[[], object]) -> CallbackTimer:
        """Call *function* every *seconds*, the first time after a random part of it, until it is cancelled
        (``.cancel()``), the socket is closed or the run stops. While the socket is not joined, pushing in it
        is skipped, and counted as unsent."""
        running = self._fastphx
        if not 0 < seconds < math.inf:
            raise ValueError(f"every {seconds} seconds is no interval")

        def fire() -> None:
            timer.schedule(running.wheel, seconds)
            try:
                result = function()
                if inspect.iscoroutine(result):
                    result.close()
                    raise TypeError("it is async: what every calls is a plain function, which must not wait")
            except (DisconnectedError, NotJoinedError, OverloadedError):
                pass
            except (Exception, SystemExit) as error:
                running.owner.script_failed(getattr(function, "__name__", "every"), error)

        timer = CallbackTimer(fire)
        # A script that has ended is called no more.
        if running.session.script is self:
            timer.schedule(running.wheel, seconds * self.random.random())
            running.timers.append(timer)
        return timer

    def close(self) -> None:
        """Close this socket for good: it is done. No hook is called after that."""
        self._fastphx.owner.script_closed(self._fastphx.session)


def script_class(found: object, path: str) -> type[Script]:
    """A file's class ``Scenario``, ready to be instantiated a socket. Raises PlanError."""
    if not isinstance(found, type):
        raise PlanError(
            f"the scenario {clip(path)} has no class Scenario, and no subclass of fastphx.load.User"
        )
    for hook in HOOKS:
        if inspect.iscoroutinefunction(getattr(found, hook, None)):
            raise PlanError(
                f"the scenario's {hook} is async: hooks are plain functions, which must not wait; "
                "what waits is a journey, a subclass of fastphx.load.User"
            )
    if issubclass(found, Script):
        return found
    return type("Scenario", (found, Script), {})


def make_script(
    script: type[Script],
    session: ScriptedSocket,
    row: Mapping[str, str],
    seed: int,
    wheel: TimerWheel,
    owner: ScriptOwner,
) -> None:
    """An instance of *script* for *session*, set up."""
    step = "__init__"
    try:
        instance = script.__new__(script)
        instance.i = session.i
        instance.row = row
        instance.random = Random(f"{seed}/{session.i}")
        instance.topics = session.topics
        instance._fastphx = Running(session, wheel, owner)
        session.script = instance
        instance.__init__()  # type: ignore[misc]
        if session.script is instance:
            session.use_script(instance)
        step = "setup"
        getattr(instance, step, lambda: None)()
    except (Exception, SystemExit) as error:
        owner.script_failed(step, error)


def end_script(session: ScriptedSocket) -> None:
    """The session is over, or the run: cancel the script's timers, and call no hook any more."""
    script = session.script
    if script is not None:
        session.use_script(None)
        for timer in script._fastphx.timers:
            timer.cancel()
        script._fastphx.timers.clear()
