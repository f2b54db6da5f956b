"""Preflight in a process of its own, for a parent that must not run a scenario's file itself:
``python -m fastphx.load.control.preflight_process``.

It reads from stdin one JSON line, a plan as a mapping, and writes to stdout one line: ``{"type": "passed",
"is_journey": …, "before": …, "after": …}``, whether the scenario is a journey and which of the functions that
are called once a run its file has; or ``{"type": "failed", "why": …}``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import orjson

from fastphx.load.control.preflight import preflight
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.result.line import MAX_LINE_BYTES, encode_line
from fastphx.load.scenarios import scenario_of
from fastphx.load.worker.output import take_stdout


def main() -> None:
    """The process."""
    with take_stdout() as stdout:
        stdout.write(encode_line(_answer(orjson.loads(sys.stdin.buffer.readline(MAX_LINE_BYTES)))))


def _answer(mapping: Mapping[str, object]) -> dict[str, Any]:
    try:
        plan = Plan.from_mapping(mapping)
        preflight(plan)
        scenario = scenario_of(plan)
    except PlanError as error:
        return {"type": "failed", "why": str(error)}
    return {
        "type": "passed",
        "is_journey": scenario.is_journey,
        "before": scenario.before is not None,
        "after": scenario.after is not None,
    }


if __name__ == "__main__":
    main()
