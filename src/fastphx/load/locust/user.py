"""The class that a locustfile subclasses."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from locust import User, constant, events
from locust.env import Environment

from fastphx.load.locust.binding import bind
from fastphx.load.locust.failures import EXIT_USAGE
from fastphx.load.locust.plan import ANY_HOST, UserPlan, user_plan
from fastphx.load.plan.error import PlanError

A_YEAR_S = 365 * 86400.0


class PhoenixUser(User):
    """One Phoenix socket, or one user of a journey. Subclass it with a ``host`` (the socket's URL, as
    phoenix.js takes it) and a ``plan``: the keys of a ``fastphx load`` plan, except that ``rate`` is pushes a
    second of *each* socket (1 by default, for the scenarios that push), and that how many sockets there are,
    and how fast they come, is what Locust is told.

    ``{i}`` in a topic, a payload or a parameter is the socket's number: from 0 on worker 0, from 1,000,000 on
    worker 1, and so on, as the workers are numbered when the test starts.

    With a journey as scenario, ``{"scenario": "shop.py"}``, the host is the application's
    (``http://127.0.0.1:4000``), and the user makes one visit after the other.
    """

    abstract = True
    plan: ClassVar[Mapping[str, object]] = {}
    # A waiting user is one that Locust may stop at any time.
    wait_time = constant(A_YEAR_S)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._is_open = False
        self._sockets = bind(environment).sockets_of(type(self))
        self._dispatch, self._number = self._sockets.spawned()

    @classmethod
    def user_plan(cls, host: str | None = None) -> UserPlan:
        """What one worker process does. Raises PlanError, which names the class."""
        try:
            return user_plan(cls.plan, host or cls.host)
        except PlanError as error:
            raise PlanError(f"{cls.__name__}: {error}") from None

    def on_start(self) -> None:
        """Open the socket, or begin to visit. Overriding it, call this one."""
        self._is_open = True
        self._sockets.open(self._dispatch.due_ns(self._number))

    def on_stop(self) -> None:
        """Close the socket, or end the visit. Overriding it, call this one."""
        if self._is_open:
            self._is_open = False
            self._sockets.close()

    def hold(self) -> None:
        """The only task: the worker process does the rest."""

    tasks = [hold]  # noqa: RUF012 - Locust's own way
    # Locust takes this for users whose tasks its --tags need not leave: hold comes back when the test starts.
    functions = (hold,)


def _subclasses(of: type[PhoenixUser]) -> Iterator[type[PhoenixUser]]:
    for each in of.__subclasses__():
        yield each
        yield from _subclasses(each)


@events.init_command_line_parser.add_listener
def _on_command_line(parser: ArgumentParser, **_: Any) -> None:
    """The locustfile was read, and nothing is started yet: a worker would first wait for its master."""
    for user_class in _subclasses(PhoenixUser):
        if not user_class.abstract:
            try:
                user_class.user_plan(ANY_HOST)
            except PlanError as error:
                parser.exit(EXIT_USAGE, f"{error}\n")
