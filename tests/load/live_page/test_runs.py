"""Whole runs with a live page: the command, its page in a real browser, and their end."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.cli.command import sentence
from tests.driven_browser import NO_BROWSER, browser_and_driver, driven_browser
from tests.load.processes import Run, end, kill, serve, start_load
from tests.load.shown_page import part_in

TIMEOUT_S = 60.0
POLL_S = 0.05
SMALL = ("-c", "4", "--rate", "200")
LONG = (*SMALL, "--duration", "10m")
needs_browser = pytest.mark.skipif(browser_and_driver() is None, reason=NO_BROWSER)


class Watched:
    """A run with a live page, and a client of it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.json_path = folder / "result.json"
        self.html_path = folder / "report.html"
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found is not None, line + (process.stdout.read() if process.poll() is not None else "")
        self.url = found[0]
        self.token = self.url.partition("token=")[2]
        self.port = urlsplit(self.url).port or 0
        self._cookie = ""

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, headers={"Cookie": self._cookie, **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def enter(self) -> None:
        _, headers, _ = self.ask(f"/?token={self.token}")
        self._cookie = headers["Set-Cookie"].partition(";")[0]

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The events' names and documents until the stream ends."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/events", headers={"Cookie": self._cookie})
            answer, name = connection.getresponse(), ""
            while line := answer.readline():
                key, _, value = line.decode().rstrip("\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    yield name, orjson.loads(value)
        finally:
            connection.close()

    def end(self) -> Run:
        return end(self.process, self.json_path)


@contextmanager
def watched(tmp_path: Path, *arguments: str) -> Iterator[Watched]:
    reports = ("--json", str(tmp_path / "result.json"), "--html", str(tmp_path / "report.html"))
    process = start_load(*arguments, *reports)
    try:
        yield Watched(process, tmp_path)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def pushes_a_second(document: dict[str, Any]) -> list[float]:
    pushes: dict[str, Any] = part_in(document, "rate", "chart")["lines"][0]
    assert pushes["name"] == "pushes"
    counts: list[float] = pushes["y"]
    return counts


# -- without a browser


def test_a_run_is_told_until_its_end(tmp_path: Path) -> None:
    with watched(tmp_path, "--ui", *SMALL, "--duration", "1s", "--threshold", "lost==0") as run:
        run.enter()
        told = list(run.documents())
        ended = run.end()
    assert ended.code == 0, ended.err
    *going, (name, last) = told
    assert {document["outcome"] for _, document in going} == {"running"}
    assert any(document["live"]["phase"].startswith("running echo") for _, document in going)
    assert (name, last["outcome"], "live" in last) == ("whole", "ok", False)
    assert ["lost", "0"] in last["tiles"]
    # The page's last document is that of the report.
    assert orjson.dumps(last["sections"]).replace(b"<", b"\\u003c") in run.html_path.read_bytes()
    assert run.token not in ended.out + ended.err + run.json_path.read_text() + run.html_path.read_text()


def test_stop_ends_it_as_ctrl_c_does(tmp_path: Path) -> None:
    with watched(tmp_path, "--ui=0", *LONG) as run:
        run.enter()
        documents = run.documents()
        assert any(any(pushes_a_second(document)) for _, document in documents)
        own = f"http://127.0.0.1:{run.port}"
        assert run.ask("/stop", "POST")[0] == 403
        assert run.ask("/stop", "POST", Origin="http://evil.example")[0] == 403
        assert run.ask("/stop", "POST", Origin=own, Host="evil.example")[0] == 421
        assert run.process.poll() is None
        # Twice is once: a second Ctrl-C would end it at once.
        for _ in range(2):
            assert run.ask("/stop", "POST", Origin=own)[0] == 204
        *_, (_, last) = documents
        ended = run.end()
    assert ended.code == 130, ended.err
    assert "interrupted: the reports cover what ran until then" in ended.err
    assert last["outcome"] == "interrupted"
    assert ended.totals["pushes"] > 0
    assert '"outcome":"interrupted"' in run.html_path.read_text()


def test_nobody_needs_to_watch_and_quiet_tells_the_address_alone(tmp_path: Path) -> None:
    with watched(tmp_path, "--ui", "--quiet", *SMALL, "--duration", "300ms") as run:
        # Nor is it told what somebody else's broken request was.
        with socket.create_connection(("127.0.0.1", run.port), TIMEOUT_S) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
            assert b" 4" in other.recv(12)
        ended = run.end()
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_with_ui_stay_the_page_is_there_until_ctrl_c_and_the_exit_code_is_the_runs(tmp_path: Path) -> None:
    arguments = ("--ui", "--ui-stay", *SMALL, "--duration", "300ms", "--threshold", "pushes==0")
    with watched(tmp_path, *arguments) as run:
        assert run.process.stdout is not None
        for line in run.process.stdout:
            if "stays until Ctrl-C" in line:
                break
        run.enter()
        for _ in range(2):
            [(name, document)] = run.documents()
            assert (name, document["outcome"]) == ("whole", "thresholds_failed")
        assert run.ask("/stop", "POST", Origin=f"http://127.0.0.1:{run.port}")[0] == 204
        assert run.process.poll() is None
        kill(run.process, signal.SIGINT)
        ended = run.end()
    assert ended.code == 99, ended.err


def test_ctrl_c_ends_a_run_that_would_stay(tmp_path: Path) -> None:
    with watched(tmp_path, "--ui", "--ui-stay", *LONG) as run:
        run.enter()
        assert any(document["live"]["phase"].startswith("running echo") for _, document in run.documents())
        kill(run.process, signal.SIGINT)
        ended = run.end()
    assert ended.code == 130, ended.err
    assert "stays" not in ended.out


def test_a_search_tells_its_steps(tmp_path: Path) -> None:
    search = ("--find-limit", "rate", "--rate", "50", "--step-max", "1s", "--threshold", "rtt.p99<10s")
    with watched(tmp_path, "--ui", "-c", "2", *search) as run:
        run.enter()
        steps: list[Any] = []
        for _, document in run.documents():
            sections = {section["id"]: section for section in document["sections"]}
            if "limit" in sections:
                steps = sections["limit"]["parts"][-1]["rows"]
            if len(steps) >= 2:
                break
        assert [cells[0] for _, cells in steps] == ["50/s", "100/s"]
        assert document["live"]["phase"].startswith(("step ", "waiting until"))
        kill(run.process, signal.SIGINT)
        assert run.end().code == 130


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = sentence("load", "--ui", str(port), *SMALL, "--duration", "300ms")
    assert (code, out) == (2, "")
    assert f"--ui: 127.0.0.1:{port} cannot be listened on" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ui=70000",), "--ui: '70000' is no port"),
        (("--ui=here",), "--ui: 'here' is no port"),
        (("--ui", "70000"), "--ui: '70000' is no port"),
        (("--ui-stay",), "--ui-stay is of --ui"),
    ],
)
def test_what_is_no_port_is_one_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = sentence("load", *arguments, "ws://127.0.0.1:1/socket", "--dry-run")
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("place", ["before", "after"])
def test_ui_alone_takes_no_argument_for_its_port(place: str) -> None:
    url = "ws://127.0.0.1:1/socket"
    arguments = ("--ui", url) if place == "before" else (url, "--ui")
    code, out, err = sentence("load", *arguments, "--dry-run")
    assert code == 0, err
    assert orjson.loads(out)["url"] == url


# -- in a browser


def text_of(driver: WebDriver, key: str) -> str:
    return driver.find_element(By.ID, key).text


def wait(reached: Callable[[], object], what: str) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while not reached():
        assert time.monotonic() < deadline_s, what
        time.sleep(POLL_S)


def drawn(driver: WebDriver, key: str) -> str:
    """The lines of a chart."""
    script = "return [...document.querySelectorAll(arguments[0])].map(path => path.getAttribute('d')).join()"
    paths: str = driver.execute_script(script, f"#{key} svg path")
    return paths


def console_of(driver: WebDriver) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser")]  # type: ignore[no-untyped-call]


@needs_browser
def test_in_a_browser_the_charts_move_and_stop_ends_the_run(tmp_path: Path) -> None:
    with (
        serve() as (_, url),
        watched(tmp_path, "--ui", url, *LONG, "--threshold", "rtt.p99<10s") as run,
        driven_browser(tmp_path / "profile") as driver,
    ):
        driver.get(run.url)
        assert driver.current_url == f"http://127.0.0.1:{run.port}/"
        wait(lambda: drawn(driver, "rate") and drawn(driver, "latency-series"), "no chart")
        before = drawn(driver, "rate")
        wait(lambda: drawn(driver, "rate") != before, "the chart did not move")
        assert text_of(driver, "badge") == "running"
        assert text_of(driver, "phase") == "running echo for 600s"
        assert "rtt.p99<10s" in text_of(driver, "thresholds")
        for width in (390, 1200):
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
            )
            assert driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")

        driver.find_element(By.ID, "stop").click()
        wait(lambda: text_of(driver, "badge") == "interrupted", "the page did not tell the end")
        ended = run.end()
        assert ended.code == 130, ended.err
        assert not driver.find_element(By.ID, "stop").is_displayed()
        assert not driver.find_element(By.ID, "lost").is_displayed()
        assert "interrupted" in text_of(driver, "sentences")
        assert console_of(driver) == []
    assert ended.totals["pushes"] > 0
    assert run.html_path.stat().st_size > 0


@needs_browser
def test_in_a_browser_a_run_that_is_killed_is_a_lost_connection(tmp_path: Path) -> None:
    with watched(tmp_path, "--ui", *LONG) as run, driven_browser(tmp_path / "profile") as driver:
        driver.get(run.url)
        wait(lambda: text_of(driver, "badge") == "running", "nothing is shown")
        kill(run.process)
        wait(lambda: driver.find_element(By.ID, "lost").is_displayed(), "the loss was not told")
        assert "It is tried again" in text_of(driver, "lost")
