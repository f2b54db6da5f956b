"""``fastphx doctor`` against each kind of server: what it finds, the one thing to do, and its exit code."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import pty
import re
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from fastphx.cli.doctor import MARKS, mark_of
from fastphx.operating_system import IS_LINUX
from fastphx.operating_system import machine as own_machine
from fastphx.probe import machine
from fastphx.probe.asked import Asked
from fastphx.probe.network import Place, look_at_addresses, look_up
from fastphx.testing import Server, demo_server
from fastphx.testing.demo import RoomChannel
from tests.cli.command import COMMAND, TIMEOUT_S, Running, sentence
from tests.free_port import free_port
from tests.liveview.scripted_thread import scripted_application
from tests.transports.proxies import HttpProxy

TIMES = re.compile(r"(\d[\d.e+-]*) ms")
OWN = ("open files", "ports", "cores")


def doctor(*arguments: str) -> tuple[int, str]:
    """Its exit code, and what it says: unwrapped, without times, and without what is about this machine. It
    says nothing on stderr."""
    code, out, err = sentence("doctor", *arguments)
    assert err == ""
    told = re.sub(r"\n +(?! |Do: )", " ", out)
    told = re.sub(r"\n +Do: ", "\n Do: ", told)
    lines = [line for line in told.splitlines() if not line[2:].startswith(OWN)]
    return code, TIMES.sub("N ms", "\n".join(lines))


@contextmanager
def web(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """The URL of a web server that answers each GET so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answered(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_all_is_well_with_the_embedded_server() -> None:
    with demo_server(longpoll=True) as server:
        url = f"http://127.0.0.1:{server.port}"
        code, told = doctor(url)
    assert code == 0
    assert told.splitlines() == [
        "✓ proxy          none: connections go directly",
        "✓ DNS            127.0.0.1 is an address",
        f"✓ TCP            127.0.0.1 port {server.port} took a connection in N ms",
        "– TLS            not asked for: the URL has no https or wss",  # noqa: RUF001
        "✓ HTTP           GET / is answered with HTTP 404 Not Found in N ms: a socket needs no page",
        "✓ handshake      /socket opened in N ms",
        "✓ vsn            2.0.0",
        "✓ heartbeat      answered in N ms",
        "✓ long polling   a session of /socket/longpoll was opened in N ms",
        "– LiveView       there is no view on /; give the URL of a page that has one to look at it",  # noqa: RUF001
        "",
        f"All is well. Next: fastphx init {url}",
    ]


def test_nothing_listens() -> None:
    port = free_port()
    code, told = doctor(f"http://127.0.0.1:{port}")
    assert code == 3
    assert told.splitlines()[2:] == [
        "✗ TCP            127.0.0.1: the connection was refused",
        f" Do: start the server (mix phx.server), or correct the port: nothing listens on {port}",
        "",
        "No socket can be opened: do what is marked above, and look again.",
    ]


def test_a_name_that_nobody_knows() -> None:
    code, told = doctor("http://nosuch.invalid")
    assert code == 3
    assert "✗ DNS            nosuch.invalid is not known (" in told
    assert "Do: correct the name, or write the server's address" in told


def test_a_web_server_that_is_no_phoenix() -> None:
    with web(answered(404, b"<h1>nothing here")) as url:
        code, told = doctor(url)
    assert code == 3
    assert (
        "✗ handshake      no socket was found: /socket: HTTP 404 Not Found; /live: HTTP 404 Not Found\n"
        " Do: see whether this is a Phoenix at all; if so, its endpoint.ex has a line "
        f'`socket "/PATH"`: write {url.replace("http", "ws")}/PATH'
    ) in told


def test_a_phoenix_that_wants_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(handshake: object) -> object:
        return getattr(handshake, "params", {}).get("token") == "let me in"

    monkeypatch.setenv("TOKEN", "let me in")
    with Server(channels={"room:*": RoomChannel}, connect=connect) as server:
        code, told = doctor(server.url)
        assert code == 3
        assert (
            "✗ handshake      /socket refuses with HTTP 403 Forbidden\n"
            " Do: give what its connect/3 asks for: --param token=env:TOKEN, or --auth-token env:TOKEN"
        ) in told
        code, told = doctor(server.url, "--param", "token=wrong")
        assert code == 3
        assert "Do: see whether the token or parameters that you give are valid" in told
        code, told = doctor(server.url, "--param", "token=env:TOKEN")
    assert code == 0
    assert told.endswith(f"All is well. Next: fastphx init {server.url}, with the same options")
    assert "let me in" not in told


@contextmanager
def secure_server(authority: trustme.CA, *names: str, **options: object) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, **options).configure_cert(context)  # type: ignore[arg-type]
    with demo_server(ssl=context) as server:
        yield server


def test_a_certificate_of_a_foreign_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with secure_server(authority, "127.0.0.1") as server:
        url = f"https://127.0.0.1:{server.port}"
        code, told = doctor(url)
        assert code == 3
        assert "✗ TLS            the server's certificate is not accepted (unable to get local issuer" in told
        assert "Do: give the certificate of who signed it, with --ca FILE; or --insecure, for a test" in told
        assert "HTTP" not in told
        code, told = doctor(url, "--ca", str(tmp_path / "ca.pem"))
        assert code == 0
        assert re.search(r"✓ TLS            TLSv1\.3 in N ms; the certificate is valid for [\d,]+ days", told)
        code, told = doctor(url, "--insecure")
    assert code == 0
    assert "✓ TLS            TLSv1.3 in N ms; no certificate is looked at (--insecure)" in told


def test_a_certificate_for_another_name_or_another_time(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    trusted = ("--ca", str(tmp_path / "ca.pem"))
    with secure_server(authority, "elsewhere.example") as server:
        code, told = doctor(f"https://127.0.0.1:{server.port}", *trusted)
    assert code == 3
    assert "Do: write the name that the certificate is for instead of 127.0.0.1" in told
    now = dt.datetime.now(dt.UTC)
    with secure_server(authority, "127.0.0.1", not_after=now - dt.timedelta(days=1)) as server:
        code, told = doctor(f"https://127.0.0.1:{server.port}", *trusted)
    assert code == 3
    assert "Do: renew the certificate, or correct this machine's clock" in told
    with secure_server(authority, "127.0.0.1", not_after=now + dt.timedelta(days=3, hours=1)) as server:
        code, told = doctor(f"https://127.0.0.1:{server.port}", *trusted)
    # It still is one: the rest is looked at.
    assert code == 1
    assert "✗ TLS            TLSv1.3 in N ms; the certificate is valid for 3 days more" in told
    assert "✓ heartbeat" in told
    assert told.endswith("A socket can be opened; what is marked above is left to do.")


def test_the_wrong_scheme(tmp_path: Path) -> None:
    with secure_server(trustme.CA(), "127.0.0.1") as server:
        code, told = doctor(f"http://127.0.0.1:{server.port}")
    assert code == 3
    assert f"Do: the port speaks TLS: write https://127.0.0.1:{server.port}" in told
    with web(answered(200)) as url:
        code, told = doctor(url.replace("http://", "wss://"))
    assert code == 3
    assert "✗ TLS            the TLS handshake " in told
    assert f"Do: if the port speaks no TLS, write {url.replace('http', 'ws')}" in told


def test_a_liveview_application() -> None:
    with scripted_application() as server:
        _, told = doctor(f"{server.url}/counter")
    assert "✓ HTTP           GET /counter is answered with HTTP 200 OK in N ms" in told
    assert "✓ LiveView       /counter has " in told
    assert ": loaded and joined in N ms" in told
    assert server.joins


def test_a_view_that_cannot_be_joined() -> None:
    with scripted_application() as server:

        async def crash(push: object) -> None:
            await push.reply({"reason": "join crashed"}, "error")  # type: ignore[attr-defined]

        server.on_join = crash
        code, told = doctor(server.url)
    assert code == 1 or code == 3
    assert "✗ LiveView" in told
    assert "Do: see what the server's log says of the view's mount" in told


def test_a_socket_at_another_path_than_the_one_that_is_written() -> None:
    with demo_server() as server:
        code, told = doctor(f"ws://127.0.0.1:{server.port}/sockets")
    assert code == 1
    assert (
        "✗ handshake      /sockets is answered with HTTP 404 Not Found\n"
        f" Do: write ws://127.0.0.1:{server.port}/socket, where there is a socket"
    ) in told


def test_a_heartbeat_that_is_not_answered() -> None:
    with demo_server() as server:
        server.faults.drop_heartbeats = True
        code, told = doctor(server.url, "--timeout", "300ms")
    assert code == 3
    assert "✓ handshake      /socket opened in N ms" in told
    assert "✗ heartbeat      /socket opened, and a heartbeat came to nothing: no answer within 0.3 s" in told


@contextmanager
def odd_socket(*frames: str) -> Iterator[str]:
    """The URL of a socket that sends these frames by itself, and answers nothing."""

    def talk(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for each in frames:
                connection.send(each)
            connection.recv(timeout=TIMEOUT_S)
            connection.recv(timeout=TIMEOUT_S)

    def only_there(connection: ServerConnection, request: Request) -> Response | None:
        is_there = request.path.startswith("/socket/websocket")
        return None if is_there else connection.respond(404, "nothing here")

    with serve(talk, "127.0.0.1", 0, process_request=only_there) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_a_socket_that_speaks_something_else_is_escaped_and_bounded() -> None:
    with odd_socket("\x1b[31mhello\u202e" * 1000) as url:
        code, told = doctor(url)
    assert code == 3
    assert told.replace("\n", "").isprintable()
    assert max(map(len, told.splitlines())) < 600


def test_a_frame_that_is_no_answer_to_anything_is_not_read_to_its_end() -> None:
    with odd_socket("x" * 200_000) as url:
        code, told = doctor(url)
    assert code == 3
    assert "a heartbeat came to nothing: the connection was closed with code 1009" in told


def test_a_socket_that_sends_without_end_is_left() -> None:
    with odd_socket(*['[null,null,"room:a","news",{}]'] * 200) as url:
        code, told = doctor(url)
    assert code == 3
    assert "✗ heartbeat      /socket opened, and a heartbeat came to nothing: no answer is among" in told


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (500, {}, "✗ HTTP           GET / is answered with HTTP 500 Internal Server Error in N ms\n"),
        (426, {}, "Do: let the proxy before the server pass the headers Upgrade and Connection on"),
        (301, {"Location": "https://127.0.0.1:1/"}, "✗ HTTP "),
        (302, {"Location": "/again"}, "the server redirects more than 20 times"),
        (
            302,
            {"Location": "gopher://\x1b[31m"},
            "which is no HTTP URL\n Do: see what it answers: curl -v http://127.0.0.1:",
        ),
        (200, {"Content-Length": "99999999999"}, "✗ HTTP "),
    ],
)
def test_odd_web_servers(status: int, headers: dict[str, str], words: str) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if status == 500 and request.path != "/":
            return answered(404)(request)
        return answered(status, **headers)(request)

    with web(answer) as url:
        code, told = doctor(url, "--timeout", "1s")
    assert code == 3
    assert words in told
    assert told.replace("\n", "").isprintable()


def test_a_port_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        code, out, _ = sentence("doctor", f"http://127.0.0.1:{port}", "--timeout", "200ms")
    assert code == 3
    assert "was not answered within 0.2 s" in out


async def test_is_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with Running("doctor", url, "--timeout", "60s") as command:
            while "TCP" not in await command.line():
                pass
            command.process.send_signal(signal.SIGINT)
            code, _, err = await command.end()
    assert (code, err.strip()) == (130, "")


@pytest.mark.parametrize(("no_color", "has_colours"), [("", True), ("1", False)])
def test_colours_are_for_a_terminal_that_wants_them(no_color: str, has_colours: bool) -> None:
    leader, follower = pty.openpty()
    url = f"http://127.0.0.1:{free_port()}"
    environment = {**os.environ, "NO_COLOR": no_color, "TERM": "xterm"}
    command = subprocess.Popen([*COMMAND, "doctor", url], stdout=follower, env=environment)
    os.close(follower)
    out = b""
    with suppress(OSError):
        while data := os.read(leader, 65536):
            out += data
    os.close(leader)
    assert command.wait(TIMEOUT_S) == 3
    assert (b"\x1b[31m" in out) == has_colours
    assert b"the connection was refused" in out


def test_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:hidden@127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    code, told = doctor("https://phoenix.example")
    assert code == 3
    assert "✓ proxy          the environment names http://127.0.0.1:" in told
    assert "Do: correct the variable that names the proxy, or list the server in NO_PROXY" in told
    assert "hidden" not in told
    monkeypatch.setenv("HTTPS_PROXY", "gopher://hidden")
    code, told = doctor("https://phoenix.example")
    assert code == 3
    assert "✗ proxy " in told
    assert "hidden" not in told


async def test_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with HttpProxy("ann", "hidden") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:hidden@127.0.0.1:{proxy.port}")
        with secure_server(authority, "127.0.0.1") as server:
            url = f"https://127.0.0.1:{server.port}"
            code, told = await asyncio.to_thread(doctor, url, "--ca", str(tmp_path / "ca.pem"))
            assert code == 0
            assert "through which sockets go" in told
            assert "✓ heartbeat" in told
            assert set(proxy.destinations) == {("127.0.0.1", server.port)}
            code, told = await asyncio.to_thread(doctor, url)
    assert code == 3
    assert "✗ HTTP           GET https://127.0.0.1:" in told
    assert "Do: give the certificate of who signed it, with --ca FILE" in told
    assert "hidden" not in told


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "localhost:4000",
            "'localhost:4000' is no URL of a server: give one like http://127.0.0.1",
        ),
        ("http://ann:hidden@host/", "http://host/ has a user name: give credentials with --header"),
        ("http://host/?token=hidden", "http://host/ has a query: give parameters with --param"),
        ("ws://host:99999/", "is not a URL"),
        ("http://", "names no host"),
        ("http://nope..x/", "fastphx: http://nope..x/ has an invalid host name"),
        ("https://host:0", "fastphx: https://host:0 has port 0"),
        ("http://host/#there", "has a fragment"),
    ],
)
def test_what_is_no_url_of_a_server(url: str, words: str) -> None:
    code, out, err = sentence("doctor", url)
    assert (code, out) == (2, "")
    assert words in err
    assert "hidden" not in err


@pytest.mark.parametrize(
    "given",
    [
        ("--header", "a b=hidden"),
        ("--header", "x=hidden\n"),
        ("--header", "hidden"),
        ("--auth-token", "hidden"),
        ("--param", "hidden"),
        ("--param", "x=@/no/such/file"),
        ("--ca", "/no/such/file"),
        ("--timeout", "0"),
    ],
)
def test_an_option_that_cannot_be_meant_is_one_sentence(given: tuple[str, str]) -> None:
    code, out, err = sentence("doctor", "http://127.0.0.1:1", *given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "hidden" not in err


def test_an_encoding_without_ticks() -> None:
    assert [mark_of(state, "ascii") for state in MARKS] == ["ok", "!!", "--"]


async def test_an_address_that_answers_after_one_that_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        place = Place("127.0.0.1", port, 5.0)
        addresses, _ = await look_up(place)
        refusing = (*addresses[0][:4], ("127.0.0.1", free_port()))
        is_open, finding = await look_at_addresses(place, [refusing, *addresses])
    assert (is_open, finding.state) == (True, "ok")


@pytest.mark.skipif(not IS_LINUX, reason="which ports connections go out from is only told by Linux")
def test_what_this_machine_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(own_machine, "_PORT_RANGE", tmp_path / "range")
    monkeypatch.setattr(machine, "max_connections", lambda: 960)
    files, ports, cores = machine.look_at_machine()
    assert (files.state, files.text) == (
        "wrong",
        "a process may hold 960 connections: its limit is 1,024 open files",
    )
    assert files.to_do.startswith("for more, run `ulimit -n 65536`")
    assert ports.text.startswith("64,512 connections")
    assert cores.state == "ok"
    monkeypatch.setattr(own_machine, "_PORT_RANGE", tmp_path / "none")
    assert [each.name for each in machine.look_at_machine()] == ["open files", "cores"]


def test_where_a_socket_may_be() -> None:
    assert Asked("http://host").socket_paths(None) == ["/socket", "/live"]
    assert Asked("http://host/shop/").socket_paths("/shop/live") == [
        *("/shop", "/socket", "/live", "/shop/socket", "/shop/live")
    ]
    assert Asked("wss://host/api/websocket").socket_paths(None)[0] == "/api"


async def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hangs.wait(30))
    addresses, finding = await look_up(Place("host", 80, 0.05))
    hangs.set()
    assert (addresses, finding.state) == ([], "wrong")
    assert finding.text == "host was not looked up within 0.05 s"
    await asyncio.sleep(0)
