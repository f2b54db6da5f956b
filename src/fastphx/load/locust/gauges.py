"""How things stand: in this process, and on a master in each of its workers, as their reports say."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from fastphx.load.locust.sockets import SHOWN_GAUGES, Sockets
from fastphx.load.locust.sockets_tab import show_sockets_tab

logger = logging.getLogger(__name__)

LOG_INTERVAL_S = 10.0
KEY = "fastphx"


class Gauges:
    """*sockets* are those of this process."""

    def __init__(self, environment: Environment, sockets: Collection[Sockets]) -> None:
        self._environment = environment
        self._sockets = sockets
        self._of_workers: dict[str, dict[str, int]] = {}
        self._logging: gevent.Greenlet | None = None

    @property
    def _runner(self) -> Any:
        return self._environment.runner

    def listen(self) -> None:
        """A worker reports; who has no master shows, in the log and in a tab of the page."""
        hooks = self._environment.events
        if isinstance(self._runner, WorkerRunner):
            hooks.report_to_master.add_listener(self._report)
        else:
            hooks.worker_report.add_listener(self._reported)
            self._logging = gevent.spawn(self._log)
        if self._environment.web_ui is not None:
            show_sockets_tab(self._environment.web_ui, self.rows)

    def leave(self) -> None:
        """The process leaves: nothing more is logged."""
        if self._logging is not None:
            self._logging.kill(block=False)

    def begin_run(self) -> None:
        self._of_workers.clear()

    def forget(self, client_id: str) -> None:
        """That worker is gone."""
        self._of_workers.pop(client_id, None)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each worker, and one for all: users, and sockets that are really open and joined."""
        if not isinstance(self._runner, MasterRunner):
            users = self._runner.user_count if self._runner is not None else 0
            return [{"name": "this process", **self._own(), "users": users}]
        rows: list[dict[str, Any]] = []
        for client_id, gauges in self._of_workers.items():
            # As Locust counts them: a worker's last report is made before its users are stopped, and the page
            # asks no more when they are.
            client = self._runner.clients.get(client_id)
            rows.append(
                {"name": client_id, **gauges, "users": client.user_count if client is not None else 0}
            )
        total = {name: sum(row[name] for row in rows) for name in (*SHOWN_GAUGES, "users")}
        return [*rows, {"name": "all", **total}]

    def _own(self) -> dict[str, int]:
        return {name: sum(each.gauges[name] for each in self._sockets) for name in SHOWN_GAUGES}

    def _report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        data[KEY] = self._own()

    def _reported(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if KEY in data:
            self._of_workers[client_id] = data[KEY]

    def _log(self) -> None:
        last = ""
        while True:
            total = self.rows()[-1]
            text = (
                f"{total['connected']} sockets open, {total['joined']} topics joined, {total['users']} users"
            )
            if text != last and (total["users"] or total["connected"]):
                logger.info(text)
                last = text
            gevent.sleep(LOG_INTERVAL_S)
