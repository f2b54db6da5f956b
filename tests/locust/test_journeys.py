"""Journeys inside Locust: steps as rows, ``before`` and ``after`` once, each visit with its own number."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from tests.load.processes import serve
from tests.locust.cluster import Locusts, locusts, server_stats, wait_until

LOCUSTFILE = """\
from fastphx.load.locust import PhoenixUser


class Shop(PhoenixUser):
    plan = {"scenario": "shop.py", "pause": 0.05}
"""
SHOP = """\
from fastphx.load import User


def note(name, text):
    with open(name, "a") as file:
        file.write(f"{text}\\n")


async def before(run):
    note("once", "before")
    await run.http.get("/stats")
    async with run.socket() as socket:
        room = await socket.join("room:hall")
        return (await room.push("echo", {"room": "room:made"})).response


async def after(run):
    note("once", f"after {run.shared['room']}")


class Buyer(User):
    async def run(self):
        note("numbers", self.number)
        async with self.socket() as socket:
            room = await socket.join(self.shared["room"])
            for n in range(3):
                reply = await room.push("echo", {"n": n})
                self.check("answered", reply.response == {"n": n})
            self.check("lucky", self.number != 1)
        if self.number == 10**10:
            {}["nothing"]
"""
FAILING = """\
from fastphx.load import User


class Buyer(User):
    async def run(self):
        {}["nothing"]
"""


def numbers(folder: Path) -> list[int]:
    path = folder / "numbers"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def check_sums(cluster: Locusts, url: str) -> None:
    """The CSV has what the server has counted, and what the visits have noted."""
    stats, rows = server_stats(url), cluster.rows()
    requests = {name: int(row["Request Count"]) for name, row in rows.items()}
    # One socket, join and push are those of before().
    assert requests["/socket"] == stats["connections"] - 1
    assert requests["room"] == stats["joins"] - 1
    assert requests["echo"] == stats["pushes"] - 1 > 0
    assert stats["connections_open"] == 0
    visits = numbers(cluster.folder)
    assert requests["shop.py"] == len(visits) == len(set(visits))
    assert (cluster.folder / "once").read_text() == "before\nafter room:made\n"
    assert "not exact" not in cluster.logs()


def test_steps_checks_and_visits_are_rows_of_one_process(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=LOCUSTFILE) as cluster:
        (tmp_path / "shop.py").write_text(SHOP)
        files = ("--csv", str(tmp_path / "out"))
        locust = cluster.start("--headless", "--only-summary", "-u", "4", "-r", "4", "--host", url, *files)
        wait_until(lambda: {1, 2 * 10**10} <= set(numbers(tmp_path)), "no visits")
        locust.send_signal(signal.SIGINT)
        assert cluster.codes() == [1], cluster.logs()
        check_sums(cluster, url)
        rows = cluster.rows()
        assert {row["Type"] for row in rows.values()} >= {"connect", "join", "push", "check", "visit"}
        assert cluster.failures() == {
            "lucky: check failed": 1,
            "shop.py: script: KeyError at shop.py:31": 1,
        }
        assert "Unclosed" not in cluster.logs()
        # The traceback of the script's own fault.
        assert '{}["nothing"]' in cluster.logs()


def test_workers_share_what_was_prepared_also_one_that_comes_later(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=LOCUSTFILE) as cluster:
        (tmp_path / "shop.py").write_text(SHOP)
        cluster.follow(6)
        cluster.start_cluster()

        def users() -> Counter[int]:
            return Counter(number % 10**10 for number in numbers(tmp_path))

        wait_until(lambda: set(users()) == set(range(6)), "not six users")
        cluster.start_worker()
        wait_until(lambda: "3 workers connected" in cluster.logs(), "no third worker")
        cluster.follow(12)
        wait_until(lambda: {2_000_000, 2_000_001} <= set(users()), "the third worker has no users")
        cluster.follow(0)
        assert cluster.codes() == [1, 0, 0, 0], cluster.logs()
        check_sums(cluster, url)


def test_a_script_that_fails_at_once_ends_the_run_of_all(tmp_path: Path) -> None:
    with serve() as (_, url), locusts(tmp_path, url, locustfile=LOCUSTFILE) as cluster:
        (tmp_path / "shop.py").write_text(FAILING)
        cluster.start_cluster("-u", "2", "-r", "2", workers=1)
        assert cluster.codes() == [5, 5], cluster.logs()
        assert "Shop: the first visit of Buyer fails: KeyError at shop.py:6: 'nothing'" in cluster.logs()
        assert "not exact" not in cluster.logs()
