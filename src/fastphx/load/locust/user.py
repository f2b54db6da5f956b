"""The class that a locustfile subclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from locust import User, constant
from locust.env import Environment

from fastphx.load.locust.binding import bind
from fastphx.load.locust.plan import socket_plan
from fastphx.load.plan import Plan

A_YEAR_S = 365 * 86400.0


class PhoenixUser(User):
    """One Phoenix socket. Subclass it with a ``host`` (the socket's URL, as phoenix.js takes it) and a
    ``plan``: the keys of a ``fastphx load`` plan, except that ``rate`` is pushes a second of *each* socket
    (1 by default, for the scenarios that push), and that how many sockets there are, and how fast they come,
    is what Locust is told.

    ``{i}`` in a topic, a payload or a parameter is the socket's number: from 0 on Locust worker 0, from
    1,000,000 on worker 1, and so on.
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
    def socket_plan(cls, host: str | None = None) -> Plan:
        """The plan of one worker process. Raises PlanError."""
        return socket_plan(cls.plan, host or cls.host)

    def on_start(self) -> None:
        """Open the socket. Overriding it, call this one."""
        self._is_open = True
        self._sockets.open(self._dispatch.due_ns(self._number))

    def on_stop(self) -> None:
        """Close the socket. Overriding it, call this one."""
        if self._is_open:
            self._is_open = False
            self._sockets.close()

    def hold(self) -> None:
        """The only task: the socket does the rest."""

    tasks = [hold]  # noqa: RUF012 - Locust's own way
