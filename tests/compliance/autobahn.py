"""Autobahn's test suite against the client's WebSocket: its fuzzing server drives, and fastphx echoes.

The suite runs on Python 2.7 only, so it has an environment of its own, outside this checkout::

    python2.7 -m virtualenv autobahn
    autobahn/bin/pip install autobahntestsuite
    make autobahn WSTEST=autobahn/bin/wstest

Sections 1 to 7 (frames, pings, reserved bits, opcodes, fragments, UTF-8, closes), 10 (fragmented sends),
12.1 and 13.1 (permessage-deflate) are run; ``CASES="6.*"`` runs some. Exit code 0: each case passed, strictly
or as the suite's "informational", or WSTEST does not say where the suite is. 1: some did not, and each is
named. 2: there is no such program.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fastphx.errors import DisconnectedError, DisconnectReason, FastphxError
from fastphx.protocol.sink import CallbackSink, FrameWriter
from fastphx.transports import ConnectOptions, WebSocketWriter, connect
from tests.free_port import free_port

CASES = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "12.1.*", "13.1.*")
PASSED = ("OK", "INFORMATIONAL")
AGENT = "fastphx"
START_TIMEOUT_S = 30.0
CASE_TIMEOUT_S = 600.0

OPTIONS = ConnectOptions(
    compress=True, max_message_size=1 << 26, max_write_buffer=1 << 26, validate_utf8=True
)


class EchoingOwner:
    """Sends back what it receives, until the server has closed."""

    def __init__(self) -> None:
        self.disconnected: asyncio.Future[DisconnectReason] = asyncio.get_running_loop().create_future()
        self.received: list[bytes] = []
        self._writer: WebSocketWriter | None = None

    async def run(self, url: str, *, echo: bool = True) -> None:
        """Stay connected to *url* until the server ends it."""
        sink = CallbackSink(self._echo if echo else self._keep)
        async with asyncio.timeout(CASE_TIMEOUT_S):
            link = await connect(url, sink, self, OPTIONS)
            try:
                await self.disconnected
            finally:
                link.abort()

    def _echo(self, data: bytes, opcode: int, _now_ns: int) -> None:
        assert self._writer is not None
        # What follows a close that this side has sent is not answered.
        with contextlib.suppress(DisconnectedError):
            self._writer.write(data, opcode)

    def _keep(self, data: bytes, _opcode: int, _now_ns: int) -> None:
        self.received.append(data)

    def notify_connected(self, writer: FrameWriter | None) -> None:
        assert isinstance(writer, WebSocketWriter)
        self._writer = writer

    def notify_disconnected(self, reason: DisconnectReason) -> None:
        self.disconnected.set_result(reason)

    def notify_error(self, exc: BaseException) -> None:
        raise exc


async def run_cases(server: str) -> None:
    """Run every case that the suite's server has, and let it write its report."""
    counter = EchoingOwner()
    await counter.run(f"{server}/getCaseCount", echo=False)
    for case in range(1, int(counter.received[0]) + 1):
        await EchoingOwner().run(f"{server}/runCase?case={case}&agent={AGENT}")
    await EchoingOwner().run(f"{server}/updateReports?agent={AGENT}", echo=False)


async def run_beside(suite: subprocess.Popen[bytes], port: int) -> None:
    """Run every case once *suite*, which is starting, takes connections."""
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                if suite.poll() is not None:
                    raise
                await asyncio.sleep(0.1)
            else:
                writer.close()
                break
    await run_cases(f"ws://127.0.0.1:{port}")


def run_suite(wstest: str, cases: tuple[str, ...]) -> dict[str, str]:
    """Run *cases* and return what the suite says of each: "OK", "NON-STRICT", "FAILED", …"""
    port = free_port()
    spec = {"url": f"ws://127.0.0.1:{port}", "outdir": "report", "cases": cases, "exclude-cases": []}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "spec.json").write_text(json.dumps(spec))
        with Path(folder, "log").open("wb") as log:
            suite = subprocess.Popen(
                [wstest, "-m", "fuzzingserver", "-s", "spec.json", "-u", "0"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            asyncio.run(run_beside(suite, port))
        except (OSError, FastphxError):
            sys.stderr.write(Path(folder, "log").read_text(errors="replace")[-2000:])
            raise
        finally:
            suite.terminate()
            suite.wait()
        report = json.loads(Path(folder, "report", "index.json").read_text())[AGENT]
    return {
        case: outcome["behavior"] if outcome["behavior"] not in PASSED else outcome["behaviorClose"]
        for case, outcome in report.items()
    }


def main(wstest: str, cases: tuple[str, ...]) -> int:
    if not wstest:
        say("skipped: say where the suite is, as in make autobahn WSTEST=…/bin/wstest")
        return 0
    found = shutil.which(wstest)
    if found is None:
        say(f"there is no program {wstest}")
        return 2
    outcomes = run_suite(str(Path(found).absolute()), cases)
    for case in sorted(outcomes, key=lambda case: [int(part) for part in case.split(".")]):
        if outcomes[case] not in PASSED:
            say(f"{case}: {outcomes[case]}")
    passed = sum(outcome in PASSED for outcome in outcomes.values())
    say(f"{passed} of {len(outcomes)} cases passed")
    return 0 if passed == len(outcomes) else 1


def say(what: str) -> None:
    sys.stdout.write(f"autobahn: {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "", tuple(sys.argv[2:]) or CASES))
