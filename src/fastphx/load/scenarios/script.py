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

Counting and timing stay compiled; Python runs only for the hooks that the class has. An exception in one
fails the run.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Protocol

from fastphx.errors import DisconnectedError, NotJoinedError, OverloadedError, clip
from fastphx.load.plan.error import PlanError
from fastphx.timing.wheel import CallbackTimer, TimerWheel

MAX_NEIGHBOURS = 1000
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
    def close(self) -> object: ...


class ScriptOwner(Protocol):
    """Who runs scripts: is told of what they raise."""

    def script_failed(self, hook: str, error: Exception) -> object: ...


class Script:
    """What a file's class ``Scenario`` is given, for one socket.

    ``i`` is the connection's number, ``row`` its row of the data file, ``random`` its own generator (the
    same for the same plan's ``seed`` and ``i``), ``topics`` what it joins.
    """

    i: int
    row: Mapping[str, str]
    random: Random
    topics: tuple[str, ...]
    _session: ScriptedSocket
    _wheel: TimerWheel
    _owner: ScriptOwner
    _timers: list[CallbackTimer]

    def push(self, event: str, payload: Any = None, topic: str | None = None) -> int:
        """Push, time the reply, and return the ref that ``on_reply`` gets. The topic is the first one unless
        given. Raises NotJoinedError, DisconnectedError, OverloadedError and EncodingError."""
        return self._session.send(topic or self.topics[0], event, payload, True)

    def cast(self, event: str, payload: Any = None, topic: str | None = None) -> int:
        """Push, and expect no reply."""
        return self._session.send(topic or self.topics[0], event, payload, False)

    def every(self, seconds: float, function: Callable[[], object]) -> CallbackTimer:
        """Call *function* every *seconds*, the first time after a random part of it, until it is cancelled
        (``.cancel()``) or the socket is closed. While the socket is not joined, pushing in it is skipped."""
        if not seconds > 0:
            raise ValueError(f"every {seconds} seconds is no interval")

        def fire() -> None:
            timer.schedule(self._wheel, seconds)
            try:
                function()
            except (DisconnectedError, NotJoinedError, OverloadedError):
                pass
            except Exception as error:
                self._owner.script_failed(getattr(function, "__name__", "every"), error)

        timer = CallbackTimer(fire)
        timer.schedule(self._wheel, seconds * self.random.random())
        self._timers.append(timer)
        return timer

    def close(self) -> None:
        """Close this socket for good."""
        self._session.close()


def load_script(path: str) -> type[Script]:
    """The class ``Scenario`` of a Python file, ready to be instantiated a socket. Raises PlanError.

    The file is a module like any other: it is in ``sys.modules``, under a name of its own, and imports what
    lies beside it, where the library and what is installed have no such name (:func:`shadowed_names`).
    """
    module = ModuleType(f"fastphx_script_{Path(path).stem}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    folder = str(Path(path).absolute().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        code = compile(Path(path).read_bytes(), path, "exec")
        exec(code, module.__dict__)
    except OSError as error:
        raise PlanError(f"the scenario {clip(path)} cannot be read ({error.strerror})") from None
    except Exception as error:
        line = getattr(error, "lineno", None)
        if line is None and error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            line = error.__traceback__.tb_next.tb_lineno
        where = f" at line {line}" if line else ""
        raise PlanError(
            f"the scenario {clip(path)} fails{where} ({type(error).__name__}: {clip(str(error))})"
        ) from None
    found = getattr(module, "Scenario", None)
    if not isinstance(found, type):
        raise PlanError(f"the scenario {clip(path)} has no class Scenario")
    for hook in HOOKS:
        if inspect.iscoroutinefunction(getattr(found, hook, None)):
            raise PlanError(f"the scenario's {hook} is async: hooks are plain functions, which must not wait")
    if issubclass(found, Script):
        return found
    return type("Scenario", (found, Script), {})


def shadowed_names(path: str) -> list[str]:
    """The modules beside a script that it cannot import, since the library, or what is installed, has their
    name; of the first MAX_NEIGHBOURS of its folder."""
    script = Path(path).absolute()
    neighbours = (each for each in script.parent.glob("*.py") if each.name != script.name)
    elsewhere = [each for each in sys.path if each != str(script.parent)]
    return [
        each.stem
        for each in sorted(itertools.islice(neighbours, MAX_NEIGHBOURS))
        if each.stem in sys.builtin_module_names or PathFinder.find_spec(each.stem, elsewhere) is not None
    ]


def make_script(
    script: type[Script],
    session: ScriptedSocket,
    row: Mapping[str, str],
    seed: int,
    wheel: TimerWheel,
    owner: ScriptOwner,
) -> None:
    """An instance of *script* for *session*, set up."""
    instance = script.__new__(script)
    instance.i = session.i
    instance.row = row
    instance.random = Random(f"{seed}/{session.i}")
    instance.topics = session.topics
    instance._session = session
    instance._wheel = wheel
    instance._owner = owner
    instance._timers = []
    instance.__init__()  # type: ignore[misc]
    session.use_script(instance)
    setup = getattr(instance, "setup", None)
    if setup is not None:
        try:
            setup()
        except Exception as error:
            owner.script_failed("setup", error)


def end_script(session: ScriptedSocket) -> None:
    """The session is over: cancel the script's timers."""
    if session.script is not None:
        for timer in session.script._timers:
            timer.cancel()
        session.script._timers.clear()
        session.script = None
