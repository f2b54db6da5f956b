"""Locust's own page during a run, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driven_browser import NO_BROWSER, browser_and_driver
from tests.load.processes import serve
from tests.locust.cluster import LOCUSTFILE, locusts, server_stats, worker_processes
from tests.locust.page import Page, page

pytestmark = pytest.mark.skipif(browser_and_driver() is None, reason=NO_BROWSER)

EAGER = f"""\
import locust.runners
import locust.stats

# The charts have a point each five seconds, and workers report each three.
locust.stats.HISTORY_STATS_INTERVAL_SEC = 1
locust.runners.WORKER_REPORT_INTERVAL = 1.0

{LOCUSTFILE}"""


def count(shown: Page, name: str) -> int:
    """A row's number of requests."""
    cells = shown.cells("phx", name)
    return int(cells[2].replace(",", "")) if cells else 0


def wait_for_sockets(shown: Page, url: str, users: int) -> None:
    """As the page shows them in its tab, and as the server has counted them."""
    shown.wait(lambda: server_stats(url)["connections_open"] == users, f"not {users} sockets at the server")
    shown.wait(
        lambda: (shown.cells("all") or [""] * 3)[1:3] == [str(users)] * 2, f"not {users} sockets shown"
    )


def test_rows_and_charts_move_and_sockets_follow_the_users(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=EAGER) as cluster:
        port = cluster.start_cluster_with_page("--host", url, workers=1)
        worker = cluster.processes[1]
        with page(f"http://127.0.0.1:{port}", tmp_path / "profile") as shown:
            shown.show("")
            shown.enter(100, 100, "START")

            shown.wait(lambda: count(shown, "push echo") > 0, "no row of pushes")
            for name in ("connect", "join"):
                shown.wait(lambda name=name: count(shown, name) == 100, f"not every {name} is shown")
            before = count(shown, "push echo")
            shown.wait(lambda: count(shown, "push echo") > before, "the rows do not move")
            shown.show("charts")
            shown.wait(shown.chart, "no chart")
            chart = shown.chart()
            shown.wait(lambda: shown.chart() != chart, "the charts do not move")

            shown.show("sockets")
            wait_for_sockets(shown, url, 100)
            shown.press("EDIT")
            shown.enter(160, 100, "UPDATE")
            wait_for_sockets(shown, url, 160)
            shown.press("EDIT")
            shown.enter(30, 200, "UPDATE")
            wait_for_sockets(shown, url, 30)

            shown.press("STOP")
            wait_for_sockets(shown, url, 0)
            joins = server_stats(url)["joins"]
            shown.show("stats")
            shown.wait(lambda: count(shown, "join") == joins, "not all joins are shown after the stop")
            assert joins == 160
            assert count(shown, "push echo") == server_stats(url)["pushes"]

            shown.press("NEW")
            shown.enter(20, 20, "START")
            # Leaving the page before its request is on the way would take the request back.
            shown.wait(lambda: server_stats(url)["connections_open"] == 20, "no second run")
            shown.show("sockets")
            wait_for_sockets(shown, url, 20)
            assert len(worker_processes(worker)) == 1
        for process in cluster.processes:
            process.terminate()
        assert cluster.codes() == [0, 0], cluster.logs()
