"""What to run, as arguments: a script, a plan and a URL in any order, told apart by what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from click.shell_completion import CompletionItem

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan_file import read_plan
from fastphx.load.scenarios import SCENARIOS
from fastphx.transports.endpoint import shown_url

METAVAR = "[FILE.py] [PLAN.toml] [URL]"


def complete_files(_context: object, _parameter: object, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the names of files."""
    return [CompletionItem(incomplete, type="file")]


_SCRIPT, _PLAN, _URL = "script", "plan", "URL"
_HOST_AND_PORT = re.compile(
    r"(?:[^/?#]*@)?(?:[\w.-]+|\[[\da-fA-F:.]+\]):\d+(?:[/?#].*)?", re.ASCII | re.DOTALL
)


def plan_mapping(arguments: Sequence[str], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The plan that *arguments* and *flags* come to, as a mapping: the flags go over the URL and the script,
    those over what the plan's file says. Raises PlanError where an argument is none of the three, where there
    are two of a kind, and where both an argument and a flag name the scenario."""
    found: dict[str, str] = {}
    for argument in arguments:
        kind = _kind_of(argument)
        if kind in found:
            raise PlanError(
                f"there are two {kind}s, {_shown(found[kind])} and {_shown(argument)}: give one of them"
            )
        found[kind] = argument
    given = read_plan(found[_PLAN]) if _PLAN in found else {}
    if _SCRIPT in found:
        if "scenario" in flags:
            raise PlanError(
                f"both {_shown(found[_SCRIPT])} and --scenario {clip(flags['scenario'])} say what to run: "
                "give one of them"
            )
        given["scenario"] = found[_SCRIPT]
    if _URL in found:
        given["url"] = found[_URL]
    return {**given, **flags}


def _kind_of(argument: str) -> str:
    if "://" in argument:
        return _URL
    if _HOST_AND_PORT.fullmatch(argument):
        whole = shown_url(f"ws://{argument}")
        raise PlanError(f"{_shown(argument)} is a URL without its scheme: write {whole}")
    if argument.endswith(".py"):
        return _SCRIPT
    if argument.endswith(".toml"):
        return _PLAN
    if argument in SCENARIOS:
        raise PlanError(f"{argument} is a scenario's name: write --scenario {argument}")
    raise PlanError(
        f"{_shown(argument)} is neither a script (FILE.py), nor a plan (FILE.toml), nor a URL "
        "(ws://HOST:PORT/socket)"
    )


def _shown(argument: str) -> str:
    """The argument without a user name and a query, which may hold secrets."""
    if "://" in argument:
        return shown_url(argument)
    return clip(argument.partition("?")[0].rpartition("@")[2])
