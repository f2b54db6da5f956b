"""The keys of a plan as keywords, for type checkers and editors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

Time: TypeAlias = float | str
"""Seconds, or a text with its unit: ``"500ms"``, ``"30s"``, ``"2m"``, ``"1h"``."""
Rate: TypeAlias = float | str
"""A number a second, ``"50/s"``, ``"30/m"``; or steps: ``"100/s:30s,500/s:60s"``."""
Part: TypeAlias = float | str
"""A part of the whole: ``0.95`` or ``"95%"``."""
Texts: TypeAlias = str | Sequence[str]
Pairs: TypeAlias = Mapping[str, str] | Sequence[str] | Sequence[tuple[str, str]]
"""Names with their values: a mapping, or texts like ``"NAME=VALUE"``."""
File: TypeAlias = str | os.PathLike[str]


class PlanKeys(TypedDict, total=False):
    """What :meth:`~fastphx.load.plan.plan.Plan.from_mapping` takes: each key is the flag of that name of
    ``fastphx load``, with ``_`` for ``-``, and its values are written as there."""

    url: str | None
    scenario: File
    name: str
    connections: int
    topic: Texts
    push_topic: Texts
    event: Texts | Mapping[str, int]
    payload: Any
    event_payload: Mapping[str, Any] | Sequence[str]
    join_payload: Any
    rate: Rate
    poisson: bool
    arrivals: Rate
    users: int
    iterations: int
    pause: Time
    pace: Time
    data_unique: bool
    max_steps: int
    duration: Time
    ramp: Time
    connect_rate: Rate
    in_flight: int
    timeout: Time
    join_timeout: Time
    connect_timeout: Time
    heartbeat: Time
    max_backoff: Time
    graceful_stop: Time
    warm_up: Time
    workers: int | Literal["auto"]
    param: Pairs
    header: Pairs
    auth_token: str | None
    show_secrets: bool
    insecure: bool
    ca: File | None
    cert: File | None
    key: File | None
    compress: bool
    source: Texts
    vsn: str
    binary: bool
    data: File | None
    think_time: Time
    publishers: int
    topics: int
    stay: Time
    storm: str
    storm_at: Time
    storm_down: Time
    storm_command: str | None
    threshold: Texts
    find_limit: Literal["rate", "connections", "users", "arrivals"]
    limit_precision: Part
    recover: Time
    step_max: Time
    max_schedule_lag: Time
    max_loop_lag: Time
    max_cpu: Part
    allow_unjoined: Part
    allow_disconnects: Part
    allow_crashes: Part
    allow_lost: Part
    allow_error_replies: Part
    allow_unsent: Part
    allow_missing: Part
    allow_failed: Part
    seed: int
    server_pid: int | str | None
    server_metrics: str | None
    server_metric: Texts
