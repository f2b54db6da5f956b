"""What a search for a limit has come to: its steps, what held and what did not, and how it is said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from fastphx.load.plan.figures import LIMIT_TITLES, RATES
from fastphx.load.result.limit_cause import server_sentences

Outcome: TypeAlias = Literal["held", "broke", "own"]
"""Of a step: the server held the load; it did not; or this machine was the bottleneck, which says nothing of
the server."""
Purpose: TypeAlias = Literal["grow", "shrink", "bisect", "confirm"]
Verdict: TypeAlias = Literal[
    "searching",
    "found",
    "not_stable",
    "not_recovered",
    "none_held",
    "this_machine",
    "no_limit",
    "interrupted",
]


def load_text(figure: str, load: float) -> str:
    """``4,000 pushes a second``."""
    return f"{load:,.10g} {LIMIT_TITLES[figure]}"


@dataclass(frozen=True, slots=True)
class LimitStep:
    """One step: a load, what for, and what came of it. Times in seconds; latencies are of what was judged."""

    load: float
    purpose: Purpose
    outcome: Outcome
    why: str
    """Why it broke, or how this machine was the bottleneck; empty where it held."""
    duration_s: float
    throughput_per_s: float
    """What was answered (replies, deliveries, visits, joins) a second."""
    latency: str
    """What `p50_s` and `p99_s` are of: ``rtt``, ``delivery``, ``visit`` or ``join``."""
    samples: int
    p50_s: float | None
    p99_s: float | None
    joined: int
    """Connections that were joined when it ended."""
    counts: dict[str, int]
    """Of what breaks a step, and is not 0: ``lost``, ``unsent``, ``disconnects``…"""
    thresholds: list[dict[str, Any]]
    cpu_share: float
    """The part of a core that the busiest worker used."""
    own_lag_s: float
    """How late this machine was, at p99."""
    server: dict[str, Any] = field(default_factory=dict)
    """The server's own figures, where they are known."""

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Limit:
    """Of a search that is under way, or over."""

    figure: str
    precision: float
    steps: list[LimitStep] = field(default_factory=list)
    verdict: Verdict = "searching"
    held: float | None = None
    """The highest load that held."""
    broke: float | None = None
    """The lowest that did not."""
    own_from: float | None = None
    """The lowest at which this machine was the bottleneck."""
    once_held: float | None = None
    """The highest that held when it was first tried."""
    after: float | None = None
    """The load after which the server did not recover, and why it counts as that."""
    after_why: str = ""
    short_steps: int = 0
    """Steps that ended before so many samples were there as they should have."""

    @property
    def value(self) -> float | None:
        """What ``limit.rate`` is: None where what held is not confirmed."""
        return self.held if self.verdict in ("found", "this_machine", "no_limit") else None

    @property
    def failure(self) -> str | None:
        """Why no limit is known, though the server is what was in the way."""
        after = f"{self._load(self.after)} ({self.after_why})" if self.after is not None else ""
        match self.verdict:
            case "none_held":
                lowest = self._load(self.broke)
                return f"the server did not hold {lowest}, the lowest load tried: {self._why_broke}"
            case "not_recovered":
                return f"the server did not recover after {after}" + (
                    f": the highest load that held before is {self._load(self.held)}, and is not confirmed"
                    if self.held is not None
                    else ": no load has held"
                )
            case "not_stable":
                interval = f"{self._number(self.broke)} and {self._load(self.once_held)}"
                return (
                    f"not stable: the limit lies between {interval}, as what had held did not hold again: "
                    f"{self._why_broke}"
                )
        return None

    @property
    def own_bottleneck(self) -> str | None:
        """Why this machine, and not the server, ended the search."""
        if self.verdict == "no_limit":
            return (
                f"the server held {self._load(self.held)}, the most that can be asked for: its limit is not "
                "known"
            )
        if self.verdict != "this_machine":
            return None
        held = f"; it held {self._load(self.held)}" if self.held is not None else ""
        return (
            f"this machine was the bottleneck from {self._load(self.own_from)} on: the server's limit is not "
            f"known{held} ({self._why('own', self.own_from)})"
        )

    @property
    def sentences(self) -> list[str]:
        """The verdict, and the cause as far as it can be told."""
        bad = self.failure or self.own_bottleneck
        if bad is not None:
            return [bad, *self._server]
        if self.verdict == "interrupted":
            held = "nothing has held" if self.held is None else f"{self._load(self.held)} held"
            broke = "" if self.broke is None else f", and {self._number(self.broke)} did not"
            return [f"the search was interrupted: {held}{broke} until then"]
        if self.verdict != "found":
            return []
        lowest = self._number(self.broke)
        return [
            f"the server holds {self._load(self.held)}, and does not hold {lowest}: {self._why_broke}",
            *self._server,
        ]

    @property
    def notes(self) -> list[str]:
        """What a reader of the limit should know."""
        notes = []
        if self.verdict == "found" and self.own_from is not None:
            between = f"{self._number(self.held)} and {self._number(self.broke)}"
            notes.append(
                f"between {between} this machine was in the way, which is why they are so far apart: "
                f"{self._why('own', self.own_from)}"
            )
        if not self.short_steps:
            return notes
        steps = f"{self.short_steps} step{' was' if self.short_steps == 1 else 's were'}"
        notes.append(
            f"{steps} too short for 100 samples beyond each percentile that is judged: raise --step-max"
        )
        return notes

    def to_mapping(self) -> dict[str, Any]:
        return {
            "figure": self.figure,
            self.figure: self.value,
            "precision": self.precision,
            "verdict": self.verdict,
            "held": self.held,
            "broke": self.broke,
            "own_from": self.own_from,
            "sentences": self.sentences,
            "notes": self.notes,
            "steps": [step.to_mapping() for step in self.steps],
        }

    @property
    def _server(self) -> list[str]:
        """What the server used at the highest load that held and at the lowest that did not."""
        held = self.held if self.held is not None else self.once_held
        wall, outcome = (self.broke, "broke") if self.broke is not None else (self.own_from, "own")
        loads: dict[str, dict[str, Any]] = {}
        for load, wanted in ((held, "held"), (wall, outcome)):
            found = [step.server for step in self.steps if step.load == load and step.outcome == wanted]
            if found and found[-1]:
                loads[self._number(load)] = found[-1]
        return server_sentences(loads)

    @property
    def _why_broke(self) -> str:
        return self._why("broke", self.broke)

    def _why(self, outcome: Outcome, load: float | None) -> str:
        """Of the last step with that load and outcome."""
        found = [step.why for step in self.steps if step.load == load and step.outcome == outcome]
        return found[-1] if found else "it was not tried"

    def _load(self, load: float | None) -> str:
        return "nothing" if load is None else load_text(self.figure, load)

    def _number(self, load: float | None) -> str:
        return "nothing" if load is None else f"{load:,.10g}{'/s' if self.figure in RATES else ''}"
