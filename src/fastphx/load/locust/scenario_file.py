"""What a scenario's file has in it, found out by a process: in a Locust process everything is gevent's."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.load.locust.asked_process import MAX_OUTPUT_CHARS, AskedProcess
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan

logger = logging.getLogger(__name__)

MODULE = "fastphx.load.control.preflight_process"
TIMEOUT_S = 60.0

_known: dict[tuple[bytes, int, int], ScenarioFile] = {}


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """Whether a file has journeys, and which of the functions that are called once a run."""

    is_journey: bool
    before: bool
    after: bool


def look_into(plan: Plan) -> ScenarioFile:
    """The file of *plan*, with which preflight has passed; looked at once, as long as neither changes. Raises
    PlanError."""
    try:
        status = os.stat(plan.scenario)
    except OSError as error:
        raise PlanError(f"the scenario {clip(plan.scenario)} cannot be read ({error.strerror})") from None
    mapping = plan.to_mapping()
    key = (orjson.dumps(mapping), status.st_mtime_ns, status.st_size)
    if key not in _known:
        process = AskedProcess(MODULE, mapping, _show)
        try:
            raw = process.answer(TIMEOUT_S)
        except TimeoutError:
            raise PlanError(
                f"the scenario {clip(plan.scenario)} takes longer than {TIMEOUT_S:g}s to be imported"
            ) from None
        if not raw:
            raise PlanError(f"the process that looks into {clip(plan.scenario)} {process.why_it_died}")
        line = orjson.loads(raw)
        if line["type"] == "failed":
            raise PlanError(line["why"])
        _known[key] = ScenarioFile(line["is_journey"], line["before"], line["after"])
    return _known[key]


def _show(line: str) -> None:
    logger.info("%s", visible(line, MAX_OUTPUT_CHARS))
