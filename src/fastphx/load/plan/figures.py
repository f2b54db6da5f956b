"""The names of what a run counts, times and comes to. Thresholds, results and reports take them from here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LOST = ("lost_timeout", "lost_disconnected", "lost_closed", "lost_errored", "lost_at_stop")
COUNTS = (
    "connect_attempts",
    "connections",
    "connect_errors",
    "disconnects",
    "closed",
    "join_attempts",
    "joins",
    "join_errors",
    "channel_closes",
    "channel_errors",
    "arrivals",
    "unsent",
    "pushes",
    "replies",
    "error_replies",
    *LOST,
    "late",
    "duplicates",
    "unexpected",
    "casts",
    "cast_replies",
    "deliveries",
    "delivery_bytes",
    "foreign_deliveries",
    "own_deliveries",
    "unstamped",
    "stale",
    "unknown_topic",
    "decode_errors",
    "heartbeats_answered",
    "heartbeat_timeouts",
)
"""What a worker's sockets count, in the order of the compiled meter's ``Counts``, which says what each is."""
JOURNEY_COUNTS = (
    "visits",
    "visits_ok",
    "visits_failed",
    "visits_cut",
    "ticks",
    "late_ticks",
    "unread_dropped",
    "http_retries",
    "rows_run_out",
)
"""What a worker's visits count besides."""
VISITS = {
    "due": "arrivals",
    "begun": "visits",
    "ok": "visits_ok",
    "failed": "visits_failed",
    "cut": "visits_cut",
    "unsent": "unsent",
    "ticks": "ticks",
    "late_ticks": "late_ticks",
    "unread_dropped": "unread_dropped",
    "http_retries": "http_retries",
    "rows_run_out": "rows_run_out",
}
"""The figures of a result's visits, and the count that each is."""
ODD = {
    "late": "late replies",
    "duplicates": "duplicate replies",
    "unexpected": "unexpected replies",
    "decode_errors": "decode errors",
    "stale": "stale messages",
    "unknown_topic": "unknown topics",
    "unstamped": "unstamped messages",
    "channel_errors": "channel crashes",
    "channel_closes": "channel closes",
    "heartbeat_timeouts": "heartbeats unanswered",
}
"""The counts that get a line only if they are not 0, with their titles."""
MESSAGES = ("pushes", "casts", "replies", "error_replies", "deliveries")
"""The counts that are messages."""
LOCAL = "local"
"""The kind of those connect errors that are this machine's own: it ran out of ports, open files or memory."""

GAUGES = ("connected", "joined", "in_flight", "rss_bytes")
"""How things stand in a worker at one time."""

JOURNEY_GAUGES = ("visiting",)
"""With GAUGES, how things stand in a worker of journeys."""

JOURNEY_LATENCIES = {"visit": "visit", "visit_uncorrected": "visit, uncorrected"}
LATENCIES = {
    **JOURNEY_LATENCIES,
    "connect": "connect",
    "join": "join",
    "rtt": "RTT",
    "rtt_uncorrected": "RTT, uncorrected",
    "delivery": "delivery",
    "rejoin": "rejoin",
}
"""What is timed of the server, with its title; JOURNEY_LATENCIES only in journeys."""
LAGS = ("schedule_lag", "loop_lag")
"""What is timed of the client itself."""
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
LATENCY_FIGURES = ("count", "mean", "min", *PERCENTILES, "max")
LATENCY_COLUMNS = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}
"""The figures of a latency that tables show, with their titles."""

SERIES_COUNTS = (
    "connections",
    "connect_errors",
    "disconnects",
    "joins",
    "join_errors",
    "arrivals",
    "unsent",
    "pushes",
    "casts",
    "replies",
    "error_replies",
    "deliveries",
)
"""The counts of each second of a run."""
JOURNEY_SERIES_COUNTS = ("visits", "visits_ok", "visits_failed", "visits_cut")
"""With SERIES_COUNTS, those of journeys, beside ``steps_ok`` and ``step_errors``."""
SERIES_LATENCIES = (
    *JOURNEY_LATENCIES,
    "connect",
    "join",
    "rtt",
    "rtt_uncorrected",
    "delivery",
    *LAGS,
    "rejoin",
)
SERIES_PERCENTILES = {"p50": 50.0, "p99": 99.0, "max": 100.0}

LIMIT_FIGURES = ("rate", "connections", "users", "arrivals")
"""What a search for a limit can grow."""
LIMIT_TITLES = {
    "rate": "pushes a second",
    "connections": "connections",
    "users": "users",
    "arrivals": "visits a second",
}
"""What the load of a step is, by the figure that grows."""
RATES = ("rate", "arrivals")
"""Those of them that are a second; the others are whole."""

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "totals": (
        *COUNTS,
        "expected_deliveries",
        "missing_deliveries",
        "surplus_deliveries",
        "lost",
        "alive_at_end",
        "closed_by_script",
    ),
    "visits": tuple(VISITS),
    "throughput": ("duration_s", "pushes_per_s", "replies_per_s", "deliveries_per_s", "visits_per_s"),
    "client": (
        "workers",
        "cpu_s",
        "run_cpu_s",
        "cpu_share_max",
        "cpu_s_per_message",
        "cpu_s_per_step",
        "rss_bytes",
        "own_rss_bytes",
        "rss_bytes_per_connection",
        "schedule_lag_p99_s",
        "loop_lag_max_s",
        "waited_share_max",
        "stolen_share",
    ),
    "server": (
        "cpu",
        "cpu_max",
        "cores",
        "cores_used",
        "cpu_s",
        "rss_bytes",
        "rss_bytes_max",
        "threads_max",
        "open_files_max",
        "throttled_s",
    ),
    "storm": (
        "rejoined",
        "rejoined_50_s",
        "rejoined_99_s",
        "rejoined_100_s",
        "attempts",
        "attempt_p5_s",
        "attempt_p50_s",
        "attempt_p95_s",
        "peak_attempts_per_s",
    ),
    "limit": LIMIT_FIGURES,
}
"""What the sections of a result's figures have."""

SERVER_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
STEP_COUNTS = ("attempts", "ok", "errors", "cut", "bytes", "error_rate")
NAMED_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "step": (*STEP_COUNTS, *LATENCY_FIGURES[1:]),
    "check": ("passed", "failed", "rate"),
    "server": ("min", "mean", "max", "last", "rate", "count", *SERVER_QUANTILES),
}
"""What each step and each check of a journey has, and each metric of the server's page:
``step["push echo"].p95``, ``server["vm_memory_total"].max``."""
JOURNEY_SECTIONS = ("step", "check")

LOWER_IS_BETTER = (
    "visit.p50",
    "visit.p99",
    "visits.failed",
    "visits.unsent",
    "rtt.p50",
    "rtt.p99",
    "rtt_uncorrected.p99",
    "delivery.p50",
    "delivery.p99",
    "rejoin.p99",
    "connect.p99",
    "join.p99",
    "client.cpu_s_per_message",
    "client.rss_bytes_per_connection",
    "connect_errors",
    "join_errors",
    "disconnects",
    "error_replies",
    "lost",
    "missing_deliveries",
    "decode_errors",
)
HIGHER_IS_BETTER = (
    "throughput.visits_per_s",
    "throughput.replies_per_s",
    "throughput.deliveries_per_s",
    *(f"limit.{figure}" for figure in LIMIT_FIGURES),
)
"""With LOWER_IS_BETTER, the figures that two results are compared by."""
STEP_LOWER_IS_BETTER = ("p99", "errors")
"""The figures of each step that two results have."""


_NAMED = re.compile(r'(step|check|server)\[("(?:[^"\\]|\\.)*")\]\.(\w+)')


def names_in(section: str) -> tuple[str, ...] | None:
    """The figures of a section or of a latency; None if there is no such."""
    return LATENCY_FIGURES if section in LATENCIES else SECTIONS.get(section)


def named(section: str, name: str) -> str:
    """A step, a check or a metric, its name as a JSON string: ``step["push echo"]``; a figure follows after a
    dot."""
    return f"{section}[{json.dumps(name, ensure_ascii=False)}]"


def parse_named(text: str) -> tuple[str, str, str] | None:
    """Section, name and figure of ``step["push echo"].p95``; None if it is no such, or the name is no JSON
    string."""
    match = _NAMED.fullmatch(text)
    if match is None:
        return None
    try:
        return match[1], json.loads(match[2]), match[3]
    except ValueError:
        return None


def figure_of(result: Mapping[str, Any], figure: str) -> float | None:
    """A figure of a result's mapping by its name: ``LATENCY.FIGURE``, ``SECTION.NAME``, ``FIGURE`` of what
    `named` gives, or a total; None if there is none."""
    found: Any = result
    for key in _path(figure):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _path(figure: str) -> tuple[str, ...]:
    parts = parse_named(figure)
    if parts is not None:
        section, name, last = parts
        if section == "server":
            return ("server", "metrics", name, last)
        is_timed = section == "step" and last not in STEP_COUNTS
        return (f"{section}s", name, *(("latency",) if is_timed else ()), last)
    section, dot, name = figure.partition(".")
    if not dot:
        return ("totals", figure)
    if section == "server":
        return ("server", "process", name)
    return ("latency", section, name) if section in LATENCIES else (section, name)
