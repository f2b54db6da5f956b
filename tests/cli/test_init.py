"""``fastphx init``: what it writes runs as it is."""

from __future__ import annotations

import ssl
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from fastphx.testing import Server, demo_server
from fastphx.testing.channel import ServerChannel
from fastphx.testing.demo import RoomChannel
from fastphx.testing.handshake import Handshake
from tests.cli.command import sentence
from tests.free_port import free_port
from tests.liveview.scripted_thread import scripted_application
from tests.load.processes import load

WRITTEN = ["journey.py", "plan.toml"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def init(*arguments: str) -> str:
    """What it says where it succeeds."""
    code, out, err = sentence("init", *arguments)
    assert (code, err) == (0, "")
    assert sorted(each.name for each in Path().iterdir()) == WRITTEN
    assert tomllib.loads(Path("plan.toml").read_text())["scenario"] == "journey.py"
    return out


def run_it(tmp_path: Path) -> dict[str, int]:
    """The steps of a short run of what was written, and how often each was made."""
    ran = load(tmp_path, "plan.toml", "--duration", "300ms", "--users", "3")
    assert ran.code == 0, ran.err
    assert ran.result is not None
    assert ran.result["visits"]["failed"] == 0
    return {name: step["ok"] for name, step in ran.result["steps"].items()}


def test_it_runs_unedited_against_the_embedded_server(tmp_path: Path) -> None:
    with demo_server() as server:
        out = init(f"http://127.0.0.1:{server.port}")
        steps = run_it(tmp_path)
    assert out == (
        "plan.toml and journey.py are written: users open the socket /socket and join room:lobby.\n"
        "Next: fastphx load plan.toml\n"
    )
    assert steps.keys() == {"connect /socket", "join room"}
    assert min(steps.values()) >= 3


def uncommented(name: str, *texts: str) -> None:
    """Take the comment's sign from lines of a file that begin so."""
    path = Path(name)
    written = path.read_text()
    for text in texts:
        assert f"# {text}" in written
        written = written.replace(f"# {text}", text)
    path.write_text(written)


def test_what_stands_in_comments_runs_too(tmp_path: Path) -> None:
    with demo_server() as server:
        init(server.url)
        uncommented("journey.py", "reply = ", "self.check")
        journey, plan = Path("journey.py"), Path("plan.toml")
        journey.write_text(journey.read_text().replace('"new_msg"', '"echo"'))
        uncommented("plan.toml", "find_limit = ")
        code, out, err = sentence("load", "plan.toml", "--dry-run")
        assert (code, err) == (0, "")
        assert '"find_limit": "users"' in out
        plan.write_text(plan.read_text().replace("find_limit", "# find_limit").replace("users = 10", ""))
        plan.write_text(plan.read_text().replace('threshold = ["visits.failed==0"]\n', ""))
        uncommented("plan.toml", "arrivals = ", "threshold = ")
        ran = load(tmp_path, "plan.toml", "--duration", "1s")
    assert ran.code == 0, ran.err
    assert ran.result is not None
    assert ran.result["steps"]["push echo"]["ok"] == 20
    assert ran.result["checks"]["taken"]["passed"] == 20
    assert [each["expr"] for each in ran.result["thresholds"]] == ["visits.failed==0", "visit.p99<2500ms"]


def test_a_liveview_page(tmp_path: Path) -> None:
    with scripted_application() as server:
        out = init(f"{server.url}/counter")
        steps = run_it(tmp_path)
    assert out.startswith("plan.toml and journey.py are written: users open the LiveView page /counter.\n")
    assert "mount /counter" in steps


def test_a_page_that_is_no_view(tmp_path: Path) -> None:
    with scripted_application() as server:
        server.page = lambda _: web.Response(text="<html><body>hello", content_type="text/html")
        init(server.url)
        steps = run_it(tmp_path)
    assert "GET /" in steps
    assert 'await self.http.get("/")' in Path("journey.py").read_text()


def test_a_topic_that_cannot_be_joined_is_left_to_the_user(tmp_path: Path) -> None:
    channels: dict[str, Callable[[], ServerChannel]] = {"game:*": RoomChannel}
    with Server(channels=channels) as server:
        out = init(server.url)
        steps = run_it(tmp_path)
    assert "users open the socket /socket.\n" in out
    assert steps.keys() == {"connect /socket"}
    assert (
        '# room = await socket.join("room:lobby")  # a topic of your channels'
        in Path("journey.py").read_text()
    )


def wanting_a_token(handshake: Handshake) -> bool:
    return handshake.params.get("token") == "let me in" or handshake.auth_token == "let me in"


def test_a_socket_that_wants_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOKEN", raising=False)
    with Server(channels={"room:*": RoomChannel}, connect=wanting_a_token) as server:
        out = init(server.url)
        assert "The plan reads TOKEN from the environment: export it first.\n" in out
        code, _, err = sentence("load", "plan.toml")
        assert code == 2
        assert "TOKEN" in err
        monkeypatch.setenv("TOKEN", "let me in")
        assert run_it(tmp_path).keys() == {"connect /socket"}
        # Who gives it has more looked at.
        init(server.url, "--force", "--param", "token=env:TOKEN")
        assert 'param = ["token=env:TOKEN"]' in Path("plan.toml").read_text()
        init(server.url, "--force", "--auth-token", "env:TOKEN")
        assert run_it(tmp_path).keys() == {"connect /socket", "join room"}


def test_no_secret_is_written() -> None:
    with Server(channels={"room:*": RoomChannel}, connect=wanting_a_token) as server:
        out = init(server.url, "--param", "token=let me in", "--header", "x-key=hidden")
    plan = Path("plan.toml").read_text()
    assert "let me in" not in plan
    assert "hidden" not in plan
    assert 'param = ["token=env:TOKEN"]\nheader = ["x-key=env:X_KEY"]\n' in plan
    assert "The plan reads TOKEN from the environment" in out
    assert "The plan reads X_KEY from the environment" in out


def test_a_server_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with demo_server(ssl=context) as server:
        init(f"https://127.0.0.1:{server.port}", "--ca", str(tmp_path / "ca.pem"))
        assert run_it(tmp_path).keys() == {"connect /socket", "join room"}


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_written_over(name: str) -> None:
    Path(name).write_text("mine")
    with demo_server() as server:
        code, out, err = sentence("init", server.url)
        assert (code, out) == (2, "")
        assert err == f"fastphx: {name} is there already: go to an empty folder, or give --force.\n"
        assert [each.name for each in Path().iterdir()] == [name]
        assert Path(name).read_text() == "mine"
        init(server.url, "--force")
    assert Path(name).read_text() != "mine"


def test_where_nothing_is_nothing_is_written() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, out, err = sentence("init", url)
    assert (code, out) == (3, "")
    assert err == (
        "fastphx: nothing was written: TCP: 127.0.0.1: the connection was refused; "
        f"fastphx doctor {url} says what to do\n"
    )
    assert list(Path().iterdir()) == []


def test_what_a_page_says_is_not_trusted() -> None:
    evil = '/live\\"; import os #'
    with scripted_application() as server:
        page = f"<html phx-socket='{evil}'><body>hello"
        server.page = lambda _: web.Response(text=page, content_type="text/html")
        init(server.url)
    assert "import os" not in Path("journey.py").read_text()


def test_a_path_is_written_as_python_and_toml_write_it(tmp_path: Path) -> None:
    with scripted_application() as server:
        server.page = lambda _: web.Response(text="<html><body>hello", content_type="text/html")
        init(f"{server.url}/it's%22here\\")
        assert run_it(tmp_path)
