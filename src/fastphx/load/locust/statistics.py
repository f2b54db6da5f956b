"""What a worker process counted and timed, put into Locust's statistics: one batch a line, none a message.

Locust's tables know whole milliseconds, rounded to two digits from 100 on, and counts a wall-clock second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from locust import stats as locust_stats
from locust.env import Environment
from locust.stats import StatsEntry, StatsError

from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible

METHOD = "phx"
HALF_MAGNITUDE = 10
STEP_HALF_MAGNITUDE = 7
"""Of fastphx.load.result.histogram, and of step_histogram: a half-bucket has 2 to the power of it counts."""

LOST = {
    "lost_timeout": "no reply in time",
    "lost_disconnected": "disconnected before the reply",
    "lost_closed": "channel closed before the reply",
    "lost_errored": "channel crashed before the reply",
    "lost_at_stop": "stopped before the reply",
}
ODD = {
    "unsent": "push not sent: its socket was not joined, or its buffers were full",
    "late": "reply after its timeout",
    "duplicates": "second reply to a push",
    "unexpected": "reply to a push that was never sent",
    "unknown_topic": "message for a topic that was not joined",
    "unstamped": "message without a stamp",
    "decode_errors": "frame that cannot be decoded",
    "heartbeat_timeouts": "heartbeat without an answer",
}


def highest_ns(index: int, half_magnitude: int = HALF_MAGNITUDE) -> int:
    """The highest value of a histogram's bucket, in nanoseconds."""
    bucket = (index >> half_magnitude) - 1
    if bucket < 0:
        return index
    half = 1 << half_magnitude
    return ((index & (half - 1)) + half + 1 << bucket) - 1


@dataclass(slots=True)
class Row:
    """One row of Locust's request table, as one line adds to it. *timed* is an exported histogram; requests
    beyond its count have no response time."""

    name: str
    requests: int
    failures: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    timed: Mapping[str, Any] | None = None
    size_bytes: int = 0
    method: str = METHOD
    """Locust's type of a request."""
    half_magnitude: int = HALF_MAGNITUDE
    is_in_total: bool = True
    """Part of Locust's row *Aggregated*, and of its charts."""

    def __post_init__(self) -> None:
        # A server may have sent them, and Locust prints them as they are.
        self.name = visible(self.name, MAX_SENTENCE_CHARS)
        self.method = visible(self.method)

    def entry(self, environment: Environment, wall_s: float) -> StatsEntry:
        entry = StatsEntry(environment.stats, self.name, self.method)
        entry.start_time = wall_s
        entry.last_request_timestamp = wall_s
        entry.num_requests = self.requests
        entry.num_none_requests = self.requests
        entry.num_failures = self.failures
        entry.total_content_length = self.size_bytes
        second = int(wall_s)
        if self.requests:
            entry.num_reqs_per_sec[second] = self.requests
        if self.failures:
            entry.num_fail_per_sec[second] = self.failures
        if self.timed is not None and self.timed["count"]:
            self._put_times(entry, self.timed)
        return entry

    def _put_times(self, entry: StatsEntry, timed: Mapping[str, Any]) -> None:
        entry.num_none_requests -= timed["count"]
        # Locust takes times of any precision, whatever its annotations say.
        times: Any = entry
        times.total_response_time = timed["sum_ns"] / 1e6
        times.min_response_time = timed["min_ns"] / 1e6
        times.max_response_time = timed["max_ns"] / 1e6
        rounded = locust_stats.bucket_response_time
        pairs = timed["counts"]
        for at in range(0, len(pairs), 2):
            time_ns = min(highest_ns(pairs[at], self.half_magnitude), timed["max_ns"])
            entry.response_times[rounded(time_ns / 1e6)] += pairs[at + 1]


def adding_up(
    reasons: Mapping[str, Mapping[str, int]], kind: str, failures: int, otherwise: str
) -> dict[str, int]:
    """The reasons of *kind*, with so many *otherwise* that they add up to the failures."""
    found = dict(reasons.get(kind, {}))
    if (missing := failures - sum(found.values())) > 0:
        found[otherwise] = found.get(otherwise, 0) + missing
    return found


def rows_of(line: Mapping[str, Any], event: str) -> Iterator[Row]:
    """The rows of one stats or final line; *event* is what is pushed."""
    counts: Mapping[str, int] = line["counts"]
    timed, reasons = line["histograms"], line["reasons"]

    def count(*names: str) -> int:
        return sum(counts.get(name, 0) for name in names)

    errors = count("connect_errors")
    yield Row(
        "connect",
        count("connections") + errors,
        errors,
        adding_up(reasons, "connect", errors, "given up"),
        timed.get("connect"),
    )
    errors = count("join_errors")
    yield Row(
        "join",
        count("joins") + errors,
        errors,
        adding_up(reasons, "join", errors, "closed before the answer"),
        timed.get("join"),
    )
    failed = {reason: count(name) for name, reason in LOST.items()}
    failed["error reply"] = count("error_replies")
    errors = sum(failed.values())
    yield Row(f"push {event}", count("replies") + errors, errors, failed, timed.get("rtt"))
    yield Row(f"cast {event}", count("casts"))
    yield from _deliveries(line, event)
    errors = count("disconnects")
    yield Row("disconnect", errors, errors, adding_up(reasons, "disconnect", errors, "disconnected"))
    errors = count("channel_closes", "channel_errors")
    yield Row("channel", errors, errors, adding_up(reasons, "channel", errors, "ended by the server"))
    odd = {reason: number for name, reason in ODD.items() if (number := count(name))}
    odd |= reasons.get("script", {})
    yield Row("unexpected", sum(odd.values()), sum(odd.values()), odd)


def _deliveries(line: Mapping[str, Any], event: str) -> Iterator[Row]:
    counts = line["counts"]
    received, size_bytes = counts.get("deliveries", 0), counts.get("delivery_bytes", 0)
    events = line.get("event_counts")
    if events is not None:
        for name, (number, bytes_) in events.items():
            yield Row(f"deliver {name}".rstrip(), number, size_bytes=bytes_)
        return
    foreign = counts.get("foreign_deliveries", 0)
    foreign_bytes = size_bytes * foreign // received if received else 0
    yield Row(
        f"deliver {event}",
        received - foreign,
        timed=line["histograms"].get("delivery"),
        size_bytes=size_bytes - foreign_bytes,
    )
    yield Row(f"deliver {event} (other host, not timed)", foreign, size_bytes=foreign_bytes)


def merge(environment: Environment, rows: Iterator[Row], at_ns: int) -> None:
    """Add *rows*, counted until *at_ns* (CLOCK_MONOTONIC), to Locust's statistics."""
    wall_s = time.time() - (time.monotonic_ns() - at_ns) / 1e9
    # Locust replaces its statistics: they are looked up each time.
    stats = environment.stats
    for row in rows:
        if not row.requests and not row.failures:
            continue
        entry = row.entry(environment, wall_s)
        stats.entries[(row.name, row.method)].extend(entry)
        if row.is_in_total:
            stats.total.extend(entry)
        for reason, occurrences in row.reasons.items():
            if occurrences:
                add_error(environment, row, reason, occurrences, wall_s)


def add_error(environment: Environment, row: Row, reason: str, occurrences: int, wall_s: float) -> None:
    """Add to one row of the failures tab."""
    errors = environment.stats.errors
    reason = visible(reason, MAX_SENTENCE_CHARS)
    key = StatsError.create_key(row.method, row.name, reason)
    error = errors.get(key)
    if error is None:
        error = errors[key] = StatsError(row.method, row.name, reason, first_seen=wall_s)
    error.occurrences += occurrences
    error.last_seen = wall_s
