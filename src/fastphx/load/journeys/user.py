"""The users of a journey, as their script writes them."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from fastphx.load.journeys.every import Every
from fastphx.load.journeys.failure import VisitFailed
from fastphx.load.journeys.run_data import RunData
from fastphx.load.journeys.socket import JourneySocket, open_socket
from fastphx.load.journeys.step import NamedStep
from fastphx.load.journeys.visit import Visit
from fastphx.transports.endpoint import Params

if TYPE_CHECKING:
    from fastphx.liveview.view import View
    from fastphx.load.journeys.http import Http
    from fastphx.load.journeys.http_response import Response


class User:
    """A user of the application. A scenario file has one or several subclasses::

        class Buyer(User):
            async def run(self):                                # one visit
                async with self.socket("/socket") as socket:
                    room = await socket.join("room:lobby")
                    reply = await room.push("echo", {"body": "hi"})
                    self.check("echoed", reply.response == {"body": "hi"})
                    await self.think(1, 3)

    Each operation that is awaited is a step, counted and timed under its name: ``connect /socket``, ``join
    room``, ``push echo``, ``wait new_msg``, ``GET /session``; each takes a ``name=`` of its own. Names hold
    no topics and no ids, so that there are few.

    The classes of a file share the visits by ``weight``. ``number`` is the visit's number over all workers.
    """

    weight: ClassVar[int] = 1
    """How many of the visits are this class's, beside those of the file's other classes; 0: none, as of a
    class that others are made of."""

    _visit: Visit

    async def run(self) -> None:
        """One visit. A class without it makes none: it is for others to be made of."""
        # Only a super().run() comes here.
        raise NotImplementedError("User has no run() of its own")

    async def start(self) -> None:
        """Before a user's first visit. What it opens here stays open until :meth:`stop` has ended."""

    async def stop(self) -> None:
        """After a user's last visit, also where that has failed; for a second at most where the run stops."""

    # -- whose data

    @property
    def number(self) -> int:
        """The number of the visit, from 0, over all workers."""
        return self._visit.number

    @property
    def row(self) -> Mapping[str, str]:
        """The row of ``--data``: of the visit's number (arrivals), or of the user's. Empty without."""
        return self._visit.row

    @property
    def random(self) -> Random:
        """A generator of this visit's own, seeded from its number and ``--seed`` alone."""
        return self._visit.random

    @property
    def shared(self) -> Any:
        """What the file's ``before(run)`` has returned; None without one. It is the same object for all users
        of a worker: only read it."""
        return self._visit.run.shared

    @property
    def run_data(self) -> RunData:
        """What the visits of this worker hand to each other: ``put(key, value)`` and ``take(key)``."""
        return self._visit.run.run_data

    # -- what it does

    def socket(
        self,
        path: str | None = None,
        *,
        params: Params = (),
        headers: Any = (),
        auth_token: str | None = None,
        transport: str = "websocket",
        reconnect: bool = False,
        serializer: Any = None,
        name: str | None = None,
        **transport_opts: Any,
    ) -> JourneySocket:
        """A socket of the application, to be entered or awaited: ``async with self.socket("/socket") as
        socket``. *path* is relative to the plan's URL; without it, it is that of a URL that names a socket,
        or ``/socket``.

        *params*, *headers* and *auth_token* come on top of the plan's. It does not *reconnect* unless asked.
        *transport_opts*: see :class:`fastphx.transports.options.ConnectOptions`. The step is ``connect
        PATH``. Raises ValueError for an argument that cannot be meant, ConnectError.
        """
        return open_socket(
            self._visit,
            path,
            params=params,
            headers=headers,
            auth_token=auth_token,
            transport=transport,
            reconnect=reconnect,
            serializer=serializer,
            name=name,
            **transport_opts,
        )

    @property
    def http(self) -> Http:
        """The user's HTTP session: ``await self.http.get("/")``, see
        :class:`~fastphx.load.journeys.http.Http`. Needs aiohttp (extra ``load``)."""
        # A journey without requests has no use for aiohttp.
        from fastphx.load.journeys.http import http_of

        return http_of(self._visit)

    async def live(
        self,
        path: str,
        *,
        params: Params = (),
        live_path: str = "/live",
        transport: str = "websocket",
        render: bool = True,
        children: bool | None = None,
        keep_up: bool = False,
        name: str | None = None,
    ) -> View:
        """Open a LiveView page, and return its :class:`~fastphx.liveview.view.View` when it is joined. The
        user has one browser: a second page takes the place of the first. Needs selectolax (extra ``load``).

        The steps are ``GET /counter`` and ``mount /counter``, or *name* in place of the path; then ``click
        #inc`` and the like for what is done on the view (each takes a ``name=``), and ``diff`` for each diff
        that the server sends by itself.

        *params*: what the application's page gives its ``LiveSocket``. With *keep_up* a crashed view is
        joined again, and a lost connection opened again, as in a browser; without, either fails the visit.

        ``render=False`` is for the greatest load: nothing is merged, so there is nothing to read or to click,
        and events are sent by ``view.event(name, value)``. The server is not told of components that vanish,
        and keeps them; nested views are not joined, unless *children* is true: then those of the first answer
        are.
        """
        from fastphx.load.journeys.live import live

        return await live(
            self._visit,
            path,
            params=params,
            live_path=live_path,
            transport=transport,
            render=render,
            children=children,
            keep_up=keep_up,
            name=name,
        )

    def csrf(self, response: Response) -> str:
        """The CSRF token of the page that *response* is: for ``_csrf_token`` of a form or of a socket's
        parameters. Raises StepError where it has none."""
        from fastphx.load.journeys.csrf import csrf_token

        return csrf_token(response)

    def step(self, name: str) -> NamedStep:
        """``async with self.step("checkout"):`` all that is in it as one step; what is in it counts too."""
        return NamedStep(self._visit, name)

    async def think(self, seconds: float, most: float | None = None) -> None:
        """Wait *seconds*, or a random time between *seconds* and *most*. At the run's end it returns at
        once."""
        if most is not None:
            seconds = self.random.uniform(seconds, most)
        if not seconds >= 0:
            raise ValueError(f"thinking {seconds} seconds is no time: give 0 or more")
        await self._visit.sleep_until(monotonic_ns() + int(seconds * 1e9))

    def every(self, seconds: float, times: int | None = None) -> Every:
        """``async for _ in self.every(0.5, times=20)``: ticks on a clock, see
        :class:`~fastphx.load.journeys.every.Every`."""
        return Every(self._visit, seconds, times)

    # -- what it thinks of it

    def check(self, name: str, ok: object) -> bool:
        """Count whether *ok* is true, under *name*; returns it. A check that fails never fails the visit."""
        held = bool(ok)
        # Also at the run's end: it may be of a step that began before.
        self._visit.run.recorder.check(name, held)
        return held

    def fail(self, why: str) -> NoReturn:
        """End this visit as failed, because of *why*; ``except Exception`` does not catch it."""
        raise VisitFailed(why)
