"""`fastphx push`, as a process."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fastphx.testing import Server, demo_server
from fastphx.testing.demo import demo_sockets
from tests.cli.command import COMMAND, TIMEOUT_S, run, sentence
from tests.free_port import free_port

REFUSED = "the join of 'room:denied' was refused"


def test_prints_the_reply(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"from": "a file"}')
    with demo_server() as server:
        done = run("push", server.url, "room:a", "echo", '{"n": 1}')
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == {"status": "ok", "response": {"n": 1}}
        done = run("push", server.url, "room:a", "echo", f"@{body}")
        assert json.loads(done.stdout)["response"] == {"from": "a file"}


@pytest.mark.parametrize(
    ("topic", "event", "code", "out", "said"),
    [
        ("room:a", "echo_error", 1, '{"status":"error","response":{}}\n', ""),
        ("room:a", "noreply", 1, "", "not answered within 0.5 s"),
        ("room:a", "crash", 1, "", "crashed"),
        ("room:denied", "echo", 1, "", REFUSED),
        ("nowhere", "echo", 1, "", "unmatched topic"),
    ],
)
def test_what_fails_ends_in_a_sentence(topic: str, event: str, code: int, out: str, said: str) -> None:
    with demo_server() as server:
        done = run("push", server.url, topic, event, "--timeout", "500ms")
    assert (done.returncode, done.stdout) == (code, out)
    assert said in done.stderr
    assert done.stderr.count("\n") == bool(said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written_ends_in_a_sentence(redirection: str) -> None:
    command = f'exec "$@" {redirection}'
    with demo_server() as server:
        done = subprocess.run(
            ["sh", "-c", command, "sh", *COMMAND, "push", server.url, "room:a", "echo"],
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("fastphx: standard output ")
    assert done.stderr.count("\n") == 1


def test_nobody_listens() -> None:
    done = run("push", f"ws://127.0.0.1:{free_port()}/socket", "room:a", "echo")
    assert done.returncode == 3
    assert "the connection was refused; `fastphx doctor ws://127.0.0.1:" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ftp://h/socket", "room:a", "echo"), "ftp://h/socket is not a WebSocket URL"),
        (
            ("ws://h/socket?token=s3cret", "room:a", "echo"),
            "give its parameters separately (params=, or --param)",
        ),
        (("ws://h/socket", "room:a", "echo", "--header", "s3cret"), "--header is NAME=VALUE"),
        (("ws://h/socket", "room:a", "echo", "--key", "/no/such"), "without its certificate"),
        (("ws://h/socket", "room:a", "echo", "--ca", "/no/such"), "cannot be read"),
        (("ws://h/socket", "room:a", "echo", "{bad"), "JSON is not JSON"),
        (
            ("ws://h/socket", "room:a", "echo", "--join-payload", "@/no/such/file"),
            "--join-payload: /no/such/file cannot be",
        ),
        (("ws://h/socket", "room:a", "echo", "--param", "s3cret"), "--param is NAME=VALUE"),
        (("ws://h/socket", "room:a", "echo", "--param", "t=env:NOT_THERE"), "no variable NOT_THERE"),
        (("ws://h/socket", "room:a", "echo", "--param", "t=@/no/such"), "/no/such cannot be read"),
        (("ws://h/socket", "room:a", "echo", "--auth-token", "s3cret"), "shows in ps"),
        (("ws://h/socket", "room:a", "echo", "--timeout", "0"), "--timeout is 0"),
        (("ws://h/socket", "room:a", "echo", "--timeout", "soon"), "--timeout is 'soon': give a time like"),
        (("ws://h/socket", "room:a", "echo", "--param", "t=@/dev/zero"), "it has more than"),
        (("ws://h/socket", "room:a", "echo", "@/dev/zero"), "it has more than"),
        (("ws://h/socket", "room:a"), "EVENT"),
    ],
)
def test_bad_usage_ends_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = sentence("push", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "s3cret" not in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("stdin", [None, b"\xff"])
def test_a_standard_input_that_cannot_be_read_ends_in_a_sentence(
    stdin: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin)))
    code, _, err = sentence("push", "ws://h/socket", "room:a", "echo", "-")
    assert code == 2
    assert err.startswith("fastphx: JSON: standard input is ")
    assert err.count("\n") == 1


def test_a_token_of_the_environment_or_a_file_reaches_the_server_and_nobody_else(tmp_path: Path) -> None:
    seen: list[Any] = []

    def connect(handshake: Any) -> Any:
        seen.append((handshake.params, handshake.auth_token))
        return False

    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    with Server(channels={}, connect=connect) as server:
        done = run(
            *("push", server.url, "room:a", "echo", "-v"),
            *("--param", "token=env:TOKEN", "--param", f"other=@{file}", "--param", "plain=1"),
            *("--auth-token", "env:AUTH"),
            TOKEN="s3cret",
            AUTH="s3cret-auth",
        )
    assert done.returncode == 3
    ((params, auth_token),) = seen
    assert params == {"token": "s3cret", "other": "from-a-file", "plain": "1", "vsn": "2.0.0"}
    assert auth_token == "s3cret-auth"
    assert "403" in done.stderr
    assert "s3cret" not in done.stderr
    assert "from-a-file" not in done.stderr


def test_headers_and_the_old_serializer_reach_the_server() -> None:
    seen: list[Any] = []

    def connect(handshake: Any) -> Any:
        seen.append((handshake.headers["x-tenant"], handshake.params))
        return True

    with Server(channels=demo_sockets()["/socket"].channels, connect=connect) as server:
        arguments = ("--header", "X-Tenant=env:TENANT", "--vsn", "1.0.0")
        done = run("push", server.url, "room:a", "echo", *arguments, TENANT="acme")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "ok")
    assert seen == [("acme", {"vsn": "1.0.0"})]


@pytest.mark.parametrize("transport", ["websocket", "longpoll"])
def test_verbose_shows_the_frames(transport: str) -> None:
    with demo_server(longpoll=True) as server:
        done = run("push", server.url, "room:a", "echo", '{"n":1}', "-v", "--transport", transport)
    assert done.returncode == 0
    frames = [line for line in done.stderr.splitlines() if line[:2] in ("> ", "< ")]
    assert frames == [
        '> ["1","1","room:a","phx_join",{}]',
        '< ["1","1","room:a","phx_reply",{"response":{"joined":{}},"status":"ok"}]',
        '> ["1","2","room:a","echo",{"n":1}]',
        '< ["1","2","room:a","phx_reply",{"response":{"n":1},"status":"ok"}]',
    ]
