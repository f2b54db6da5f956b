"""What is checked before a run begins: that the plan's files, texts and scenario go together."""

from __future__ import annotations

from itertools import islice

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import json_value, payload_template, read_payload
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.target import Target
from fastphx.load.plan.threshold import Threshold
from fastphx.load.result.line import MAX_LINE_BYTES
from fastphx.load.scenarios import Scenario, scenario_of
from fastphx.load.scenarios.script_file import shadowed_names

MAX_BINARY_FIELD_BYTES = 255
MAX_TOPICS_NAMED = 5
MAX_TOPICS_CHECKED = 200_000
"""Topics that are rendered before the run to see whether two of a connection coincide: half a second."""


def preflight(plan: Plan) -> list[str]:
    """Read the plan's files, ask its scenario, and fill in what each connection takes of them, each row that
    is taken, not only the first. Raises PlanError, in one sentence; returns sentences of what is allowed, and
    probably not meant."""
    target, scenario = Target(plan), scenario_of(plan)
    if not scenario.is_journey:
        _check_no_journey(plan)
    sources = {scenario.payload_name(event): scenario.payload(event) for event in plan.event_names}
    if plan.is_binary:
        sources = {}
        if plan.vsn == "1.0.0":
            raise PlanError("binary payloads need vsn 2.0.0")
    sources["join payload"] = read_payload(plan.join_payload, "join payload")
    if len(orjson.dumps(plan.to_mapping())) > MAX_LINE_BYTES:
        raise PlanError(f"the plan has more than {MAX_LINE_BYTES} bytes: put the payload into a file, @FILE")
    templates = {what: payload_template(source, what) for what, source in sources.items()}
    last = plan.connections - 1
    for i in sorted({*range(min(plan.connections, max(2, target.row_count))), last}):
        row = target.row(i)
        target.url(i)
        target.options(i)
        for topic in scenario.topics(i, row):
            if not topic:
                raise PlanError("a topic is empty")
            if plan.is_binary and len(topic.encode()) > MAX_BINARY_FIELD_BYTES:
                raise PlanError(
                    f"the topic {clip(topic)} is longer than the {MAX_BINARY_FIELD_BYTES} bytes of a "
                    "binary push"
                )
        for what, template in templates.items():
            # A number is JSON or not by its sign and its first digit.
            for n in (0, 1, 10) if i in (0, 1, last) else (0,) if "row" in template.uses else ():
                json_value(template.render({"i": i, "n": n, "row": row}), what)
    _check_topics(plan, scenario, target)
    _check_limit(plan, scenario)
    _check_server(plan)
    if scenario.has_herd and plan.url is not None and plan.storm_command is None:
        raise PlanError("a storm on a server of yours needs --storm-command, which disturbs it")
    if not plan.scenario.endswith(".py"):
        return []
    return [
        f"the scenario cannot import the {name}.py beside it: another module has that name, which comes first"
        for name in shadowed_names(plan.scenario)
    ]


def _check_no_journey(plan: Plan) -> None:
    what = "a scenario file with a subclass of fastphx.load.User"
    for text in plan.thresholds:
        if Threshold.parse(text).is_of_journeys:
            raise PlanError(f"the threshold {clip(text)} is of journeys: {what}")
    for key in ("arrivals", "users", "iterations", "pause_s", "pace_s", "data_unique"):
        if getattr(plan, key):
            flag = f"--{key.removesuffix('_s').replace('_', '-')}"
            raise PlanError(f"{flag} is of journeys: {what}")


def _check_limit(plan: Plan, scenario: Scenario) -> None:
    """Raises PlanError where the scenario has no such figure, or a threshold is of a limit that is not looked
    for."""
    for text in plan.thresholds:
        figure = Threshold.parse(text).limit_figure
        if figure is not None and figure != plan.find_limit:
            raise PlanError(f"the threshold {clip(text)} needs --find-limit {figure}")
    figure = plan.find_limit
    if figure is None:
        return
    can_grow: tuple[str, ...] = ("connections",)
    if scenario.is_journey:
        can_grow = ("arrivals",) if plan.arrivals else ("users", "arrivals")
    elif scenario.has_herd:
        can_grow = ()
    elif not scenario.holds:
        can_grow = ("rate",)
    elif plan.rate[0].rate:
        can_grow = ("rate", "connections")
    if figure not in can_grow:
        known = f"it has one of {' and of '.join(can_grow)}" if can_grow else "it has none"
        raise PlanError(f"there is no limit of {figure} to find in {clip(plan.scenario)}: {known}")


def _check_server(plan: Plan) -> None:
    """Raises PlanError where the server's process is not there or may not be seen, and for a threshold on
    what is not read."""
    for threshold in map(Threshold.parse, plan.thresholds):
        if not threshold.is_of_server:
            continue
        if threshold.named is not None and plan.server_metrics is None:
            raise PlanError(f"the threshold {clip(threshold.expr)} needs --server-metrics URL")
        if threshold.named is None and plan.server_pid is None and plan.url is not None:
            raise PlanError(f"the threshold {clip(threshold.expr)} needs --server-pid, the server's process")
    if plan.server_pid is not None:
        # Only such a plan needs psutil.
        from fastphx.load.server.process import find_server

        find_server(plan.server_pid)


def _check_topics(plan: Plan, scenario: Scenario, target: Target) -> None:
    """Raises PlanError if two topics of one connection are the same: a socket can join a topic once; and
    where it would push to a topic that it does not join. All connections are looked at, or as many as
    MAX_TOPICS_CHECKED topics allow."""
    number = len(plan.topics) + len(plan.push_topics)
    if number < 2:
        return
    for i in range(min(plan.connections, MAX_TOPICS_CHECKED // number)):
        seen: dict[str, str] = {}
        for source, topic in zip(plan.topics, scenario.topics(i, target.row(i)), strict=False):
            if topic in seen:
                raise PlanError(
                    f"the topics {clip(seen[topic])} and {clip(source)} are both {clip(topic)} for "
                    f"connection {i}, and a socket joins a topic once"
                )
            seen[topic] = source
        for topic in scenario.push_topics(i, target.row(i)) or ():
            if topic not in seen:
                raise PlanError(
                    f"connection {i} would push to {clip(topic)}, which it does not join: its topics are "
                    f"{', '.join(map(clip, islice(seen, MAX_TOPICS_NAMED)))}"
                )
