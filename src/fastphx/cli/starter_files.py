"""The files that ``fastphx init`` writes: a plan and a journey for the server that was looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastphx.probe.asked import Asked
from fastphx.probe.server import Seen

PLAN, JOURNEY = "plan.toml", "journey.py"
LOBBY = "room:lobby"
"""The topic of Phoenix' own guides."""
TOKEN = "token=env:TOKEN"

PLAN_TEXT = """\
# A load test of {app}. Run it:
#
#     fastphx load {plan}
#
# The keys are the flags that `fastphx load --help` tells of. A flag on the command line goes over its key:
#
#     fastphx load {plan} --users 50 --duration 1m --html report.html

url = {url}
scenario = "{journey}"

# So many users at a time. Who has ended a visit begins the next one.
users = 10
duration = "10s"

# In place of users: visits that begin on a clock, however slow the server has become.
# arrivals = "20/s"

# What must hold, or the run ends with exit code 99: a gate for CI.
threshold = ["visits.failed==0"]
# threshold = ["visits.failed==0", "visit.p99<2500ms"]

# How many users can the server take? This begins with those above, and doubles them step by step.
# find_limit = "users"
"""

CONNECTION_TEXT = """
# What goes with each connection. Secrets stay in the environment (env:NAME), or in a file (@FILE).
"""

JOURNEY_TEXT = '''\
"""What one user of {app} does in a visit. Run it: fastphx load {plan}

Each line that waits is a step, which is counted and timed by itself.
"""

from fastphx.load import User


class Visitor(User):
    async def run(self) -> None:
{body}'''
READS = (
    "# A user reads what came, for half a second to one and a half.",
    "await self.think(0.5, 1.5)",
)


@dataclass(frozen=True, slots=True)
class Given:
    """The options that ``fastphx init`` was given, as they were written."""

    params: Sequence[str] = ()
    header: Sequence[str] = ()
    auth_token: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool | None = None


@dataclass(frozen=True, slots=True)
class StarterFiles:
    """The text of both files, and what there is to say of them."""

    plan: str
    journey: str
    does: list[str]
    """What a user does, in a few words each."""
    variables: list[str] = field(default_factory=list)
    """Of the environment, that the plan reads."""


def starter_files(asked: Asked, seen: Seen, given: Given) -> StarterFiles:
    """What to write for a server of which *seen* is known: there is a socket, if only one that refuses."""
    body, does = _body(asked, seen)
    keys, variables = _connection(seen, given)
    app = asked.http_url("")
    plan = PLAN_TEXT.format(app=app, plan=PLAN, url=json.dumps(app), journey=JOURNEY)
    if keys:
        plan += CONNECTION_TEXT + "".join(f"{line}\n" for line in keys)
    return StarterFiles(plan, JOURNEY_TEXT.format(app=app, plan=PLAN, body=body), does, variables)


def _body(asked: Asked, seen: Seen) -> tuple[str, list[str]]:
    """The lines of ``run``, and what they do."""
    lines: list[str] = []
    does: list[str] = []
    path = json.dumps(asked.page_path)
    if seen.has_view:
        does.append(f"open the LiveView page {asked.page_path}")
        lines += [
            "# The page and its view, as a browser opens them.",
            f"view = await self.live({path})",
            '# await view.click("#a-button")',
            '# await view.submit("#a-form", {"name": "ann"})',
        ]
    elif seen.page is not None and seen.page.status < 400:
        does.append(f"load the page {asked.page_path}")
        lines += ["# The page, as a browser asks for it; cookies are kept.", f"await self.http.get({path})"]
    found = seen.channels
    if found is None:
        return _indented([*lines, *READS]), does
    lobby = f'room = await socket.join("{LOBBY}")'
    block = [
        f"async with self.socket({json.dumps(found.path)}) as socket:",
        f"    {lobby}" if found.has_lobby else f"    # {lobby}  # a topic of your channels",
        '    # reply = await room.push("new_msg", {"body": "hi"})  # an event that your channel replies to',
        '    # self.check("taken", reply.status == "ok")',
    ]
    if seen.has_view and not found.has_opened:
        # What was opened runs; what was refused is for who has a token.
        refused = [f"{found.path} refuses who gives no token: see param in {PLAN}.", *block]
        return _indented([*lines, *(f"# {line}" for line in refused), *READS]), does
    does.append(f"open the socket {found.path}" + (f" and join {LOBBY}" if found.has_lobby else ""))
    return _indented([*lines, *block, *(f"    {line}" for line in READS)]), does


def _indented(lines: list[str]) -> str:
    return "".join(f"        {line}\n" for line in lines)


def _connection(seen: Seen, given: Given) -> tuple[list[str], list[str]]:
    """The plan's keys of the connection, and the variables that they read."""
    lines: list[str] = []
    variables: list[str] = []

    def reference(text: str) -> str:
        """``NAME=VALUE`` without the value: no secret goes into a file."""
        name, _, value = text.partition("=")
        if not value.startswith(("env:", "@")):
            value = f"env:{re.sub(r'[^A-Z0-9_]', '_', name.upper())}"
        if value.startswith("env:"):
            variables.append(value.removeprefix("env:"))
        return f"{name}={value}"

    if given.params:
        lines.append(f"param = {_toml([reference(each) for each in given.params])}")
    if given.header:
        lines.append(f"header = {_toml([reference(each) for each in given.header])}")
    if given.auth_token is not None:
        lines.append(f"auth_token = {_toml(reference(f'={given.auth_token}').removeprefix('='))}")
    refused = seen.refused
    if refused is not None and not (given.params or given.header or given.auth_token):
        lines.append(f"# {refused.path} refuses who gives nothing: what does its connect/3 ask for?")
        is_needed = seen.channels is refused and not seen.has_view
        lines.append(f"{'' if is_needed else '# '}param = {_toml([TOKEN])}")
        if is_needed:
            variables.append("TOKEN")
    for name in ("ca", "cert", "key"):
        value = getattr(given, name)
        if value is not None:
            lines.append(f"{name} = {_toml(value)}")
    if given.insecure:
        lines.append("insecure = true")
    if seen.socket is not None and seen.socket.vsn not in (None, "2.0.0"):
        lines.append(f"vsn = {_toml(seen.socket.vsn)}")
    return lines, variables


def _toml(value: object) -> str:
    """A text or a list of texts: TOML writes them as JSON does (TOML 1.0, strings)."""
    return json.dumps(value, ensure_ascii=False)
