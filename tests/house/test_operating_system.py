"""What only some systems have stands in one place, and each has something that is done elsewhere."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fastphx.operating_system import event_loop, machine, memory, open_files, processes, sockets
from tests.house.checkout import ROOT

HOME = ROOT / "src" / "fastphx" / "operating_system"
ONLY_SOME_HAVE = re.compile(
    r"sys\.platform|os\.killpg|os\.sched_|add_signal_handler|SO_LINGER|IP_BIND_ADDRESS|epoll"
    r"|^import resource|__linux__|__APPLE__|_WIN32|__builtin_|clock_gettime|timerfd_create|posix\."
)
TIMEOUT_S = 30


def test_nothing_else_asks_for_what_only_some_systems_have() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in (ROOT / "src").rglob("*.p*")
        if path.suffix in {".py", ".pyx", ".pxd"} and HOME not in path.parents
        for match in ONLY_SOME_HAVE.finditer(path.read_text(encoding="utf-8"))
    ]
    # What a compiler counts fastest, beside how it is counted without it.
    assert set(found) <= {"src/fastphx/protocol/json_string.pxd: __builtin_"}


@pytest.fixture(params=[True, False], ids=["linux", "elsewhere"])
def is_linux(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Each test runs as on Linux, and as elsewhere."""
    chosen: bool = request.param and sys.platform == "linux"
    for module in (machine, memory, processes, sockets):
        monkeypatch.setattr(module, "IS_LINUX", chosen, raising=False)
    for module in (event_loop, processes):
        monkeypatch.setattr(module, "IS_POSIX", chosen, raising=False)
    monkeypatch.setattr(event_loop, "PORTABLE", not chosen)
    return chosen


def test_memory_and_machine(is_linux: bool) -> None:
    assert 4_000_000 < memory.rss_bytes() < 100_000_000_000
    assert machine.boot_id() == machine.boot_id() != ""
    assert 1 <= machine.usable_cores() <= (os.cpu_count() or 1)
    assert machine.waited_s() >= 0
    assert machine.stolen_s() >= 0
    assert (machine.local_ports() is None) is not is_linux


def test_a_mac_counts_its_memory_in_bytes(monkeypatch: pytest.MonkeyPatch, is_linux: bool) -> None:
    monkeypatch.setattr(memory, "IS_LINUX", False)
    kilobytes = memory.rss_bytes()
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert 0 < memory.rss_bytes() < kilobytes / 100


def test_without_limits_of_files_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    assert open_files.open_file_limit() is None
    assert open_files.raise_open_file_limit() is None
    assert memory.rss_bytes() == 0


def test_a_limit_that_may_not_be_raised_to_the_hard_one_is_raised_as_far_as_it_goes() -> None:
    script = (
        "import resource; from fastphx.operating_system import open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 20000)); real = resource.setrlimit\n"
        "def mac(what, limits):\n"
        "    if limits[0] > open_files.OPEN_MAX: raise ValueError('invalid argument')\n"
        "    real(what, limits)\n"
        "resource.setrlimit = mac\n"
        "print(open_files.raise_open_file_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert ended.stdout.split() == ["10240", "10240"], ended.stderr


def test_a_port_and_a_reset(is_linux: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        sockets.choose_port_when_connecting(client)
        client.bind(("127.0.0.1", 0))
        assert (client.getsockname()[1] == 0) is is_linux
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        sockets.reset_on_close(accepted)
        accepted.close()
        client.settimeout(TIMEOUT_S)
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_loop_and_its_interruption(is_linux: bool) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    async def interrupted() -> None:
        told = asyncio.Event()
        event_loop.on_interrupt(asyncio.get_running_loop(), told.set)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(told.wait(), TIMEOUT_S)
        assert (type(asyncio.get_running_loop()).__module__.split(".")[0] == "uvloop") is is_linux

    try:
        event_loop.run_on_uvloop(interrupted())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_process_is_ended_and_what_it_takes_is_told(is_linux: bool, at_once: bool, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        cpu_s, rss_bytes = processes.session_usage(process.pid)
        assert cpu_s >= 0
        assert rss_bytes > 1_000_000
        processes.end_group(process.pid, at_once=at_once)
        assert process.wait(TIMEOUT_S) == -(signal.SIGKILL if at_once else signal.SIGTERM)
    finally:
        process.kill()
        process.communicate()
