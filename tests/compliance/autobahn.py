"""Autobahn's test suite against both WebSockets: the client's, and the embedded server's.

The suite runs on Python 2.7 only, so it has an environment of its own, outside this checkout::

    python2.7 -m virtualenv autobahn
    autobahn/bin/pip install autobahntestsuite
    make autobahn WSTEST=autobahn/bin/wstest

All its cases are run: frames, pings, reserved bits, opcodes, fragments, UTF-8, closes, limits, fragmented
sends and permessage-deflate. ``CASES="6.* 7.*"`` runs some; ``FAST=1`` leaves out sections 9, 12 and 13, of
large messages and of a thousand each.

Exit code 0: no case failed, or WSTEST does not say where the suite is. 1: some did. 2: there is no such
program. Named, and no failure, is what the suite calls non-strict (what RFC 6455 leaves open: the embedded
server judges a text's UTF-8 when the message is whole, section 6.4) and unimplemented (what the agreement on
permessage-deflate may leave out, RFC 7692 section 7.1).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fastphx.errors import FastphxError
from tests.compliance.echo_client import AGENT, CASE_TIMEOUT_S, run_cases
from tests.compliance.echo_server import echo_server, echoing
from tests.free_port import free_port

ALL = ("*",)
SLOW = ("9.*", "12.*", "13.*")
PASSED = ("OK", "INFORMATIONAL")
OPEN = ("NON-STRICT", "UNIMPLEMENTED")
START_TIMEOUT_S = 30.0


def suite(wstest: str, mode: str, folder: str) -> subprocess.Popen[bytes]:
    """Start the suite, with the specification in *folder*."""
    with Path(folder, "log").open("wb") as log:
        return subprocess.Popen(
            [wstest, "-m", mode, "-s", "spec.json", *(("-u", "0") if mode == "fuzzingserver" else ())],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def wait_for_all_cases(process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the suite's end. How long all cases take is the machine's affair: raises TimeoutExpired where
    one takes CASE_TIMEOUT_S."""
    while True:
        before = log.stat().st_size
        try:
            process.wait(CASE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            if log.stat().st_size == before:
                raise
        else:
            return


def drive_client(wstest: str, folder: str, chosen: dict[str, tuple[str, ...]]) -> None:
    """The suite is the server, and the client connects for each case."""
    port = free_port()
    spec = {"url": f"ws://127.0.0.1:{port}", "outdir": "report", **chosen}
    Path(folder, "spec.json").write_text(json.dumps(spec))
    process = suite(wstest, "fuzzingserver", folder)

    async def run() -> None:
        async with asyncio.timeout(START_TIMEOUT_S):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    if process.poll() is not None:
                        raise
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    break
        await run_cases(f"ws://127.0.0.1:{port}")

    try:
        asyncio.run(run())
    finally:
        process.terminate()
        process.wait()


def drive_server(wstest: str, folder: str, chosen: dict[str, tuple[str, ...]]) -> None:
    """The suite is the client, and connects to the embedded server for each case."""
    with echoing(), echo_server() as server:
        url = f"{server.websocket_url}?vsn=2.0.0"
        spec = {
            "servers": [{"agent": AGENT, "url": url, "options": {"version": 18}}],
            "outdir": "report",
            **chosen,
        }
        Path(folder, "spec.json").write_text(json.dumps(spec))
        process = suite(wstest, "fuzzingclient", folder)
        try:
            wait_for_all_cases(process, Path(folder, "log"))
        finally:
            process.kill()
            process.wait()


ROLES: dict[str, Callable[[str, str, dict[str, tuple[str, ...]]], None]] = {
    "client": drive_client,
    "server": drive_server,
}


def outcomes_of(role: str, wstest: str, chosen: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """What the suite says of each case: "OK", "NON-STRICT", "FAILED", …"""
    with tempfile.TemporaryDirectory() as folder:
        try:
            ROLES[role](wstest, folder, chosen)
            report = json.loads(Path(folder, "report", "index.json").read_text())[AGENT]
        except (OSError, FastphxError):
            sys.stderr.write(Path(folder, "log").read_text(errors="replace")[-2000:])
            raise
    return {
        case: outcome["behavior"] if outcome["behavior"] not in PASSED else outcome["behaviorClose"]
        for case, outcome in report.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make autobahn")
    parser.add_argument("wstest", nargs="?", default="")
    parser.add_argument("cases", nargs="*", default=ALL)
    parser.add_argument("--role", choices=ROLES, action="append")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    if not options.wstest:
        say("skipped: say where the suite is, as in make autobahn WSTEST=…/bin/wstest")
        return 0
    found = shutil.which(options.wstest)
    if found is None:
        say(f"there is no program {options.wstest}")
        return 2
    chosen = {"cases": tuple(options.cases or ALL), "exclude-cases": SLOW if options.fast else ()}
    failed = 0
    for role in options.role or ROLES:
        outcomes = outcomes_of(role, str(Path(found).absolute()), chosen)
        for case in sorted(outcomes, key=lambda case: [int(part) for part in case.split(".")]):
            if outcomes[case] not in PASSED:
                say(f"{role}, {case}: {outcomes[case]}")
        counts = Counter(outcomes.values())
        failed += sum(count for outcome, count in counts.items() if outcome not in PASSED + OPEN)
        told = ", ".join(f"{count} {outcome.lower()}" for outcome, count in counts.most_common())
        say(f"{role}: {len(outcomes)} cases, {told}")
    return int(failed > 0)


def say(what: str) -> None:
    sys.stdout.write(f"autobahn: {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
