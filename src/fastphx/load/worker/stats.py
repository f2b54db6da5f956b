"""The lines in which a worker tells what it counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2s
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from fastphx.foreign_text import MAX_SHOWN_CHARS, clipped
from fastphx.load.result.histogram import Histogram
from fastphx.load.result.reasons import Reasons
from fastphx.load.worker.herd import Herd
from fastphx.load.worker.loop_lag import LoopLag
from fastphx.load.worker.meter import HISTOGRAMS
from fastphx.operating_system.machine import stolen_s, waited_s
from fastphx.operating_system.memory import rss_bytes

MAX_TOPICS_A_LINE = 10_000


def bounded_name(name: str) -> str:
    """A topic, or an event that is pushed, in at most a few more than MAX_SHOWN_CHARS characters, in which it
    still is no other."""
    if len(name) <= MAX_SHOWN_CHARS:
        return name
    return f"{clipped(name)}{blake2s(name.encode(), digest_size=8).hexdigest()}"


class Measuring(Protocol):
    """What counts: it has a histogram under each of the names that Stats is given."""

    @property
    def counts(self) -> dict[str, int]: ...
    @property
    def events(self) -> Mapping[str, Any] | None: ...
    @property
    def topics(self) -> Mapping[str, Any] | None: ...
    @property
    def connected(self) -> int: ...
    @property
    def joined(self) -> int: ...
    @property
    def in_flight(self) -> int: ...


@runtime_checkable
class Visited(Protocol):
    """What counts visits, too."""

    visiting: int


class Stats:
    """Makes the lines of one worker: of what was counted since the last line, while the schedule ran, and in
    all."""

    def __init__(
        self,
        meter: Measuring,
        reasons: Reasons,
        loop_lag: LoopLag,
        herd: Herd,
        histograms: Sequence[str] = HISTOGRAMS,
    ) -> None:
        self._meter = meter
        self._reasons = reasons
        self._loop_lag = loop_lag
        self._herd = herd
        self._measured: dict[str, Histogram] = {name: getattr(meter, name) for name in histograms}
        self._measured |= {"loop_lag": loop_lag.histogram, "rejoin": herd.rejoins, "attempt": herd.attempts}
        self._totals = {name: Histogram() for name in self._measured}
        self._last_events: dict[str, tuple[int, int]] = {}
        self._last_counts = self._start_counts = dict(meter.counts)
        self._last_cpu_s = self._start_cpu_s = time.process_time()
        self._start_waited_s = self._start_stolen_s = 0.0
        self.subscribers: dict[str, int] = {}
        """Of each topic when the schedule started, where pushes are stamped."""

    def start_schedule(self) -> None:
        """The schedule starts: `scheduled` counts from here."""
        self.subscribers = {topic: count.subscribers for topic, count in (self._meter.topics or {}).items()}
        self._start_counts = dict(self._meter.counts)
        self._start_cpu_s = time.process_time()
        self._start_waited_s, self._start_stolen_s = waited_s(), stolen_s()
        self._loop_lag.restart()

    def line(self, kind: str = "stats") -> dict[str, Any]:
        """What was counted and timed since the last line, and how things stand."""
        meter = self._meter
        counts = dict(meter.counts)
        cpu_s = time.process_time()
        histograms: dict[str, Any] = {}
        for name, histogram in self._measured.items():
            if histogram.count:
                histograms[name] = histogram.export()
                self._totals[name].add(histogram)
                histogram.reset()
        line = {
            "type": kind,
            "at_ns": time.monotonic_ns(),
            "counts": {
                name: count - self._last_counts[name]
                for name, count in counts.items()
                if count != self._last_counts[name]
            },
            "histograms": histograms,
            "reasons": self._reasons.take(),
            "connected": meter.connected,
            "joined": meter.joined,
            "in_flight": meter.in_flight,
            "cpu_s": cpu_s - self._last_cpu_s,
            "rss_bytes": rss_bytes(),
        }
        if isinstance(meter, Visited):
            line["visiting"] = meter.visiting
        events = self._events()
        if events:
            line["event_counts"] = {
                event: [count - last[0], size_bytes - last[1]]
                for event, (count, size_bytes) in events.items()
                if count != (last := self._last_events.get(event, (0, 0)))[0]
            }
        self._last_events = events
        self._last_counts = counts
        self._last_cpu_s = cpu_s
        return line

    def _events(self) -> dict[str, tuple[int, int]]:
        """How many messages of each event have come, and their bytes; what has the same name together."""
        events: dict[str, tuple[int, int]] = {}
        for each in (self._meter.events or {}).values():
            count, size_bytes = events.get(each.name, (0, 0))
            events[each.name] = (count + each.count, size_bytes + each.size_bytes)
        return events

    def scheduled(self, run_s: float, alive: int) -> dict[str, Any]:
        """The line of a schedule that has ended after *run_s*, with *alive* sockets joined."""
        now_ns = time.monotonic_ns()
        return {
            "type": "scheduled",
            "at_ns": now_ns,
            "run_s": run_s,
            "alive": alive,
            "run_lag_ns": self._loop_lag.longest_ns(now_ns),
            "run_lag": self._loop_lag.run.export(),
            "run_cpu_s": time.process_time() - self._start_cpu_s,
            "run_waited_s": waited_s() - self._start_waited_s,
            "run_stolen_s": stolen_s() - self._start_stolen_s,
            "run_counts": {
                name: count - self._start_counts[name] for name, count in self._meter.counts.items()
            },
        }

    def topics(self) -> Iterator[dict[str, Any]]:
        """The lines of what was published to and received on each topic, where pushes are stamped."""
        topics = iter((self._meter.topics or {}).items())
        while some := list(islice(topics, MAX_TOPICS_A_LINE)):
            yield {
                "type": "topics",
                "topics": {
                    bounded_name(topic): [count.published, count.received, self.subscribers.get(topic, 0)]
                    for topic, count in some
                },
            }

    def final(self) -> dict[str, Any]:
        """The last line: what stands since the last one, and the totals of everything."""
        line = self.line("final")
        line["totals"] = dict(self._meter.counts)
        line["total_histograms"] = {
            name: total.export() for name, total in self._totals.items() if total.count
        }
        line["events"] = {event: list(counted) for event, counted in self._events().items()}
        line["herd"] = {str(bin_): count for bin_, count in self._herd.bins.items()}
        return line
