"""The Locust workers as their master sees them: who has which part of a run, has drained, or is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event
from locust.rpc import Message
from locust.runners import MasterRunner

from fastphx.load.locust.part import Part

PART, ASK_PART = "fastphx_part", "fastphx_ask_part"
DRAIN, DRAINED = "fastphx_drain", "fastphx_drained"
WATCH_INTERVAL_S = 1.0
POLL_S = 0.05


class Workers:
    """*on_loss* is told of what was lost, a clause each, and *on_gone* of the id of a worker that is."""

    def __init__(
        self, runner: Any, on_loss: Callable[[str], object], on_gone: Callable[[str], object]
    ) -> None:
        assert isinstance(runner, MasterRunner)
        # Which methods it has is not in its annotations.
        self._runner: Any = runner
        self._on_loss = on_loss
        self._on_gone = on_gone
        self._numbers: dict[str, int] | None = None
        """The numbers of this run; None while none is on."""
        self._first_workers = 1
        self._shared: Mapping[str, Any] = {}
        self._drained: set[str] = set()
        self._missing: set[str] = set()
        self._drain_ended = Event()
        self._drain_ended.set()
        runner.register_message(DRAINED, self._worker_drained)
        runner.register_message(ASK_PART, self._part_asked)
        self._watching = gevent.spawn(self._watch)

    def leave(self) -> None:
        """The master leaves, and so do they: nobody is missing any more."""
        self._watching.kill(block=False)

    # -- their parts

    def begin_run(self) -> None:
        """A run begins; nobody has a part yet."""
        self._missing = {client.id for client in self._runner.clients.missing}
        self._numbers = None

    def number(self, shared: Mapping[str, Any]) -> None:
        """Give each its part.

        Locust's own index of a worker is never given again: after workers were replaced, a run would have no
        worker 0, and no publishers."""
        found = sorted(self._active(), key=self._runner.get_worker_index)
        self._numbers, self._shared, self._first_workers = {}, shared, len(found)
        for client_id in found:
            self._send_part(client_id)

    def _part_asked(self, msg: Message, **_: Any) -> None:
        """Of one that came later, or that was not listening yet."""
        if self._numbers is not None:
            self._send_part(msg.node_id)

    def _send_part(self, client_id: str) -> None:
        assert self._numbers is not None
        number = self._numbers.setdefault(client_id, len(self._numbers))
        part = Part(number, self._first_workers, self._shared)
        self._runner.send_message(PART, part.to_mapping(), client_id=client_id)

    def _active(self) -> set[str]:
        clients = self._runner.clients
        return {client.id for client in clients.ready + clients.spawning + clients.running}

    # -- draining

    def drain(self, timeout_s: float) -> None:
        """Ask all to drain, and wait until they have."""
        if not self._drain_ended.is_set():
            self._drain_ended.wait()
            return
        deadline_s = time.monotonic() + timeout_s
        self._drain_ended.clear()
        self._drained.clear()
        asked: set[str] = set()
        try:
            while undrained := self._active() - self._drained:
                # A worker may come while the others drain.
                for client_id in undrained - asked:
                    self._runner.send_message(DRAIN, client_id=client_id)
                asked |= undrained
                if time.monotonic() > deadline_s:
                    self._on_loss(f"{len(undrained)} workers did not drain in time")
                    break
                gevent.sleep(POLL_S)
            self._find_missing()
        finally:
            self._drain_ended.set()

    def _worker_drained(self, msg: Message, **_: Any) -> None:
        self._drained.add(msg.node_id)

    # -- those that are missing

    def _watch(self) -> None:
        while True:
            self._find_missing()
            gevent.sleep(WATCH_INTERVAL_S)

    def _find_missing(self) -> None:
        """A worker that was killed says nothing; Locust by itself would leave with code 0."""
        missing = {client.id for client in self._runner.clients.missing} - self._missing
        for client_id in missing:
            self._missing.add(client_id)
            self._on_gone(client_id)
            self._on_loss(f"worker {client_id} went missing, with what it had not reported")
