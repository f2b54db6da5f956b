"""What a load run does: one frozen :class:`Plan`, from flags, a mapping or a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePath
from typing import Any, Self

from fastphx.errors import clip
from fastphx.load.plan.defaults import defaults_of
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.figures import LIMIT_FIGURES
from fastphx.load.plan.payload import json_text
from fastphx.load.plan.pushed_event import PushedEvent, event_payloads, pushed_events
from fastphx.load.plan.secret import hidden
from fastphx.load.plan.server_metric import ServerMetric
from fastphx.load.plan.server_target import server_pid, server_url, shown_server_url
from fastphx.load.plan.threshold import Threshold
from fastphx.load.plan.units import RateStep, duration_s, lag_s, part, rate_per_s, rate_steps, share_above_0

VSNS = ("2.0.0", "1.0.0")
MAX_CONNECTIONS = 10_000_000
MAX_HEARTBEAT_S = 86400.0
MAX_SEED = (1 << 63) - 1
DEFAULT_RATE = (RateStep(1000.0, 10.0),)
DEFAULT_USERS = 10
MOST_USERS = 10_000
MOST_STEPS = 500
FIRST_RATE = 100.0
FIRST_ARRIVALS = 1.0
"""What a search for a limit starts with, where the plan does not say it."""
LEAST_STEP_S = 0.1
ITERATIONS_S = 600.0
"""How long users have for their iterations, unless the plan says it."""
MAX_SERVER_METRICS = 32
MAX_NAME_CHARS = 100
CLOSE_TIMEOUT_S = 5.0
"""What leaving a topic and closing a socket may take each, at the end."""


def _pairs(value: object, what: str) -> tuple[tuple[str, str], ...]:
    items: Any = value.items() if isinstance(value, Mapping) else value
    pairs = []
    for item in items if isinstance(items, tuple | list) or isinstance(value, Mapping) else [items]:
        if isinstance(item, str):
            name, equals, text = item.partition("=")
            item = (name, text) if equals else ()
        if not (isinstance(item, tuple | list) and len(item) == 2 and all(isinstance(x, str) for x in item)):
            raise PlanError(f"a {what} is not NAME=VALUE")
        if not item[0] or any(char in "\r\n" for char in item[0] + item[1]):
            raise PlanError(f"the {what} {clip(item[0])} has no name, or a line break in it")
        pairs.append((item[0], item[1]))
    return tuple(pairs)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple | list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise PlanError(f"{clip(str(value))} is not a text or a list of texts")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise PlanError(f"{clip(str(value))} is not a text")
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise PlanError(f"{clip(str(value))} is neither true nor false")
    return value


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanError(f"{clip(str(value))} is not a whole number")
    return value


def _workers(value: object) -> int:
    """0 stands for auto."""
    if value == "auto":
        return 0
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return _number(value)


def _seconds(value: object) -> float:
    return duration_s(value, "the time")


def _with_think_time(given: dict[str, object]) -> dict[str, object]:
    return {**given, "rate": 0.0} if given.get("think_time") else given


def _check_text(value: object, key: str) -> None:
    """A shell hands on bytes that are no UTF-8; neither a frame nor a report can carry them."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise PlanError(f"{key}: {clip(value)} is not UTF-8") from None
    elif isinstance(value, tuple | list):
        for item in value:
            _check_text(item, key)


def _key(parse: Callable[[object], Any], default: Any, key: str | None = None) -> Any:
    return field(default=default, metadata={"parse": parse, "key": key})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plan:
    """Everything that a load run does. Times are in seconds, rates in arrivals a second over all
    connections; each key of :meth:`from_mapping` is the flag of that name.

    Raises PlanError for any value that is not valid, in one sentence. It is pure data: whether its files,
    texts and scenario go together is what ``fastphx.load.control.preflight`` finds out.
    """

    url: str | None = _key(_optional_text, None)
    """The socket's URL; None: the embedded server, in a process of its own."""
    scenario: str = _key(_text, "echo")
    name: str = _key(_text, "")
    """What the run is called where results are kept, see `run_name`."""
    connections: int = _key(_number, 100)
    topics: tuple[str, ...] = _key(_texts, ("room:{i}",), "topic")
    """The topics that each connection joins; ``{i}`` is the connection's number, from 0."""
    push_topics: tuple[str, ...] = _key(_texts, (), "push_topic")
    """Those of them that are pushed to, in turn; empty: all."""
    events: tuple[PushedEvent, ...] = _key(pushed_events, (PushedEvent("echo"),), "event")
    """What is pushed; several come as often as their weights say."""
    payload: str = _key(json_text, '{"body":"hello"}')
    event_payloads: tuple[tuple[str, str], ...] = _key(event_payloads, (), "event_payload")
    """The payloads of events that have another than ``payload``."""
    join_payload: str = _key(json_text, "{}")
    rate: tuple[RateStep, ...] = field(default=DEFAULT_RATE, metadata={"parse": None, "key": None})
    """Pushes a second in total, not a connection, in steps; they go to the joined sockets in turn."""
    poisson: bool = _key(_flag, False)
    """What the rate brings is not evenly spaced, but comes at exponential gaps, drawn from the seed."""
    arrivals: tuple[RateStep, ...] = field(default=(), metadata={"parse": None, "key": None})
    """Visits that begin a second, over all workers, in steps (journeys, the open model); none: the closed
    one, in which each of the users makes one visit after the other."""
    users: int = _key(_number, 0)
    """Users at once: DEFAULT_USERS, or with arrivals at most MOST_USERS, unless given (journeys)."""
    iterations: int = _key(_number, 0)
    """Visits of each user (journeys, closed); 0: as many as the duration allows."""
    pause_s: float = _key(_seconds, 0.0, "pause")
    """Between the end of a user's visit and its next (journeys, closed)."""
    pace_s: float = _key(_seconds, 0.0, "pace")
    """From the beginning of a user's visit to the beginning of its next, at least (journeys, closed)."""
    data_unique: bool = _key(_flag, False)
    """No row of the data is of two visits at once; a run that has none left is invalid (journeys)."""
    max_steps: int = _key(_number, 100)
    """Names of steps, and of checks, that a journey may make."""
    ramp_s: float = _key(_seconds, 0.0, "ramp")
    """The connections are opened evenly over this time (0: at connect_rate)."""
    connect_rate: float = _key(rate_per_s, 1000.0)
    """New and renewed connections a second, at most."""
    in_flight: int = _key(_number, 0)
    """How many pushes of a socket may wait for their reply; later ones queue and are timed from when they
    were due. 0: no limit."""
    timeout_s: float = _key(_seconds, 10.0, "timeout")
    """A push that has no reply by then is lost; a reply that comes later is late."""
    join_timeout_s: float = _key(_seconds, 10.0, "join_timeout")
    connect_timeout_s: float = _key(_seconds, 10.0, "connect_timeout")
    heartbeat_s: float = _key(_seconds, 30.0, "heartbeat")
    max_backoff_s: float = _key(_seconds, 5.0, "max_backoff")
    """The backoff before a connection or a join is tried again: full jitter, from 0.1 s doubling to this."""
    graceful_stop_s: float = _key(_seconds, 5.0, "graceful_stop")
    """How long outstanding replies are waited for at the end."""
    warm_up_s: float = _key(_seconds, 0.0, "warm_up")
    """Latencies of what was due in this first part of the duration are not recorded; all is counted."""
    workers: int = _key(_workers, 0)
    """Worker processes; 0: auto."""
    params: tuple[tuple[str, str], ...] = _key(lambda value: _pairs(value, "parameter"), (), "param")
    headers: tuple[tuple[str, str], ...] = _key(lambda value: _pairs(value, "header"), (), "header")
    auth_token: str | None = _key(_optional_text, None)
    """Phoenix 1.8's authToken: ``env:NAME``, ``@FILE``, ``@FILE:COLUMN``, or a text with a row's column."""
    show_secrets: bool = _key(_flag, False)
    """Reports show the parameters, headers, token and payloads that were given, and not their lengths."""
    insecure: bool = _key(_flag, False)
    """Take any certificate."""
    ca: str | None = _key(_optional_text, None)
    """A file of certificates that are trusted."""
    cert: str | None = _key(_optional_text, None)
    """A file with the client's certificate; its key in the same file, or in ``key``."""
    key: str | None = _key(_optional_text, None)
    compress: bool = _key(_flag, False)
    """Offer permessage-deflate."""
    source: tuple[str, ...] = _key(_texts, ())
    """Local addresses, or ranges A-B, that the connections are spread over."""
    vsn: str = _key(_text, "2.0.0")
    is_binary: bool = _key(_flag, False, "binary")
    """The payload goes out as a binary frame, as it is."""
    data: str | None = _key(_optional_text, None)
    """A CSV or NDJSON file whose rows the connections take in turn: ``{row.column}``."""
    think_time_s: float = _key(_seconds, 0.0, "think_time")
    """In place of a rate: each socket pushes, waits for the reply and for this long, and pushes again."""
    publishers: int = _key(_number, 1)
    """Connections that publish (fanout)."""
    topic_count: int = _key(_number, 1, "topics")
    """Topics that the sockets are spread over (fanout)."""
    stay_s: float = _key(_seconds, 5.0, "stay")
    """How long a socket stays joined (churn)."""
    storm: str = _key(_text, "kill")
    """What is done to the embedded server: kill, drain or roll (storm)."""
    storm_at_s: float = _key(_seconds, 2.0, "storm_at")
    """When, from the start of the schedule (storm)."""
    storm_down_s: float = _key(_seconds, 1.0, "storm_down")
    """How long the embedded server is away; a rolled one is not (storm)."""
    storm_command: str | None = _key(_optional_text, None)
    """A shell command that disturbs a server of yours (storm)."""
    thresholds: tuple[str, ...] = _key(_texts, (), "threshold")
    """Expressions like ``rtt.p99<50ms`` that must hold."""
    find_limit: str | None = _key(_optional_text, None)
    """The figure that grows until the server gives out, one of LIMIT_FIGURES: the search starts with what the
    plan says of it."""
    limit_precision: float = _key(share_above_0, 0.1)
    """How near what holds and what does not must be to each other."""
    recover_s: float = _key(_seconds, 30.0, "recover")
    """How long the server may take to recover, before each step of the search."""
    step_max_s: float = _key(_seconds, 30.0, "step_max")
    """The longest step of the search."""
    max_schedule_lag_s: float = _key(lag_s, 0.1, "max_schedule_lag")
    """A schedule whose p99 lags more behind its clock is not the plan's load: the run is invalid."""
    max_loop_lag_s: float = _key(lag_s, 0.5, "max_loop_lag")
    """A worker that did not run for longer cannot tell its own pause from the server's: invalid."""
    max_cpu: float = _key(share_above_0, 0.95)
    """A worker that uses more of its core may be what is being measured: invalid."""
    allow_unjoined: float = _key(part, 0.5)
    """The part of the sockets that need not be joined when the schedule ends (churn: that may fail to)."""
    allow_disconnects: float = _key(part, 0.75)
    """The part of the connections that may be lost; not looked at in a storm."""
    allow_crashes: float = _key(part, 0.75)
    """The part of the joins whose channel may crash or be closed by the server; not in a storm."""
    allow_lost: float = _key(part, 0.1)
    """The part of the pushes that may have no reply."""
    allow_error_replies: float = _key(part, 0.1)
    """The part of the pushes that may be answered with another status than ok."""
    allow_unsent: float = _key(part, 0.75)
    """The part of what was due that may not be sent; not in a storm."""
    allow_missing: float = _key(part, 0.1)
    """The part of the expected deliveries that may be missing."""
    allow_failed: float = _key(part, 0.1)
    """The part of the visits of a journey that may fail."""
    seed: int = _key(_number, 0)
    server_pid: str | None = _key(server_pid, None)
    """The server's process on this machine, which is watched: ``PID``, or ``NAME@PORT`` that it listens on.
    The embedded server is watched by itself."""
    server_metrics: str | None = _key(server_url, None)
    """The URL of the server's metrics page, in Prometheus' text format, which is read once a second."""
    server_metric: tuple[str, ...] = _key(_texts, ())
    """Metrics of that page to show besides the usual ones: ``NAME``, or ``NAME{label="value"}``."""

    def __post_init__(self) -> None:
        if self.arrivals and self.rate == DEFAULT_RATE:
            # Visits arrive, and pushes do not: the rate only says how long.
            object.__setattr__(self, "rate", tuple(replace(step, rate=0.0) for step in self.arrivals))
        if len(self.name) > MAX_NAME_CHARS or not self.name.isprintable():
            raise PlanError(
                f"the name {clip(self.name)} is no name: give up to {MAX_NAME_CHARS} characters that can be "
                "printed"
            )
        self._between("connections", 1, MAX_CONNECTIONS)
        self._between("workers", 0, 1024)
        self._between("in_flight", 0, 65536)
        self._between("topic_count", 1, 1_000_000, "topics")
        self._between("seed", -MAX_SEED, MAX_SEED)
        self._between("users", 0, MAX_CONNECTIONS)
        self._between("iterations", 0, 1_000_000_000)
        self._between("max_steps", 1, MOST_STEPS, "max-steps")
        if self.arrivals and (self.iterations or self.pause_s or self.pace_s):
            raise PlanError(
                "iterations, pause and pace are of users that visit again: with arrivals each is a new one"
            )
        if self.pause_s and self.pace_s:
            raise PlanError("give either a pause or a pace between two visits of a user")
        if not self.topics or len(self.topics) > 1000:
            raise PlanError("give 1 to 1000 topics a connection")
        if len(self.push_topics) > 1000:
            raise PlanError("give up to 1000 topics that are pushed to")
        for name, _ in self.event_payloads:
            if name not in self.event_names:
                raise PlanError(
                    f"there is a payload for {clip(name)}, which is not pushed: the events are "
                    f"{', '.join(map(clip, self.event_names))}"
                )
        if self.poisson and self.think_time_s:
            raise PlanError("give either poisson or a think time: with a think time the replies set the pace")
        if self.vsn not in VSNS:
            raise PlanError(f"vsn {clip(self.vsn)} is not known: there are {', '.join(VSNS)}")
        if self.connect_rate <= 0:
            raise PlanError("the connect rate is 0: give a number a second like 1000")
        if self.heartbeat_s > MAX_HEARTBEAT_S:
            raise PlanError(f"the heartbeat is {self.heartbeat_s:g}s: give at most a day, or 0 for none")
        for name in ("timeout_s", "join_timeout_s", "connect_timeout_s", "max_backoff_s"):
            if getattr(self, name) < 0.001:
                raise PlanError(f"the {name[:-2].replace('_', ' ')} is below 1ms")
        self._check_limit()
        if self.warm_up_s >= self.duration_s:
            raise PlanError(
                f"the warm-up of {self.warm_up_s:g}s leaves nothing of the {self.duration_s:g}s to measure"
            )
        for text in self.thresholds:
            Threshold.parse(text)
        if self.server_metric and self.server_metrics is None:
            raise PlanError("--server-metric is of the server's page: give --server-metrics URL")
        if len(self.asked_metrics) > MAX_SERVER_METRICS:
            raise PlanError(f"give at most {MAX_SERVER_METRICS} metrics of the server")

    @property
    def asked_metrics(self) -> tuple[ServerMetric, ...]:
        """The metrics of the server's page that the plan asks for, in thresholds, too."""
        named = [Threshold.parse(text).named for text in self.thresholds]
        texts = (*self.server_metric, *(each[1] for each in named if each and each[0] == "server"))
        return tuple(dict.fromkeys(map(ServerMetric.parse, texts)))

    def _check_limit(self) -> None:
        figure = self.find_limit
        if figure is None:
            return
        if figure not in LIMIT_FIGURES:
            raise PlanError(
                f"there is no limit of {clip(figure)} to find: there are {', '.join(LIMIT_FIGURES)}"
            )
        for key in ("rate", "arrivals"):
            if len(getattr(self, key)) > 1:
                raise PlanError(f"the {key} has steps of its own: a search for a limit makes them")
        if self.warm_up_s or self.iterations:
            raise PlanError(
                "a search for a limit has no warm-up and no iterations: it discards a third of each step"
            )
        if self.think_time_s and figure == "rate":
            raise PlanError("with a think time the replies set the pace: find the limit of connections")
        if figure == "arrivals" and not self.arrivals:
            raise PlanError("the limit of arrivals is above 0: give --arrivals to start with")
        if figure == "rate" and not self.duration_s * self.rate[0].rate:
            raise PlanError("the limit of the rate is above 0: give a --rate to start with")
        if self.step_max_s < LEAST_STEP_S:
            raise PlanError(f"step-max is {self.step_max_s:g}s: give at least {LEAST_STEP_S:g}s")

    @property
    def first_load(self) -> float:
        """What the search for a limit starts with."""
        match self.find_limit:
            case "connections":
                return self.connections
            case "users":
                return self.max_users
            case "arrivals":
                return self.arrivals[0].rate
        return self.rate[0].rate

    def with_load(self, load: float) -> Plan:
        """This plan with another load of what the search for a limit grows."""
        match self.find_limit:
            case "connections":
                return replace(self, connections=int(load))
            case "users":
                return replace(self, users=int(load))
            case "arrivals":
                return replace(self, arrivals=(replace(self.arrivals[0], rate=load),))
        return replace(self, rate=(replace(self.rate[0], rate=load),))

    def _between(self, name: str, low: int, high: int, key: str | None = None) -> None:
        if not low <= getattr(self, name) <= high:
            shown = key or name.replace("_", "-")
            raise PlanError(f"{shown} is {str(getattr(self, name))[:40]}: give {low} to {high}")

    @property
    def run_name(self) -> str:
        """What the run is called: by its name, else as its scenario, a script's without its folder and
        ``.py``."""
        return self.name or PurePath(self.scenario).stem

    @property
    def duration_s(self) -> float:
        """How long the schedule runs, without ramp and stop."""
        return sum(step.duration_s for step in self.rate)

    @property
    def max_users(self) -> int:
        """Users at once (journeys)."""
        return self.users or (MOST_USERS if self.arrivals else DEFAULT_USERS)

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events that are pushed."""
        return tuple(event.name for event in self.events)

    def payload_of(self, event: str) -> str:
        """What is pushed with *event*, as the plan names it."""
        return dict(self.event_payloads).get(event, self.payload)

    @property
    def max_stop_s(self) -> float:
        """The longest that stopping gracefully takes."""
        return self.graceful_stop_s + 2 * CLOSE_TIMEOUT_S

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """The keys that :meth:`from_mapping` knows."""
        return (*(each.metadata["key"] or each.name for each in fields(cls)), "duration")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Self:
        """A plan from a JSON or TOML mapping, or from flags. Raises PlanError."""
        given = {key.replace("-", "_"): value for key, value in mapping.items()}
        if unknown := sorted(given.keys() - set(cls.keys())):
            raise PlanError(f"{clip(unknown[0])} is not part of a plan: there are {', '.join(cls.keys())}")
        if given.get("think_time") and given.get("rate"):
            raise PlanError("give either a rate or a think time: with a think time the replies set the pace")
        given = {**defaults_of(_text(given.get("scenario", "echo"))), **_with_think_time(given)}
        if given.get("find_limit") == "rate":
            given.setdefault("rate", FIRST_RATE)
        elif given.get("find_limit") == "arrivals":
            given.setdefault("arrivals", FIRST_ARRIVALS)
        values: dict[str, Any] = {}
        for each in fields(cls):
            key = each.metadata["key"] or each.name
            if key not in given or each.name in ("rate", "arrivals"):
                continue
            _check_text(given[key], key)
            try:
                values[each.name] = each.metadata["parse"](given[key])
            except PlanError as error:
                raise PlanError(f"{key}: {error}") from None
        duration = given.get("duration")
        if given.get("arrivals"):
            values["arrivals"] = rate_steps(given["arrivals"], duration)
            duration = sum(step.duration_s for step in values["arrivals"])
        elif values.get("iterations") and duration is None:
            duration = ITERATIONS_S
        if "rate" in given or duration is not None:
            values["rate"] = rate_steps(given.get("rate", DEFAULT_RATE[0].rate), duration)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """The plan as JSON values, in base units; :meth:`from_mapping` reads it back."""
        mapping: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("rate", "arrivals"):
                # Arrivals of 0 would read as none, and be users.
                is_number = len(value) == 1 and (each.name == "rate" or value[0].rate)
                value = value[0].rate if is_number else ",".join(map(str, value))
            elif each.name == "events":
                value = str(value[0]) if len(value) == 1 else list(map(str, value))
            elif isinstance(value, tuple):
                value = [list(item) if isinstance(item, tuple) else item for item in value]
            mapping[each.metadata["key"] or each.name] = value
        mapping["duration"] = self.duration_s
        return mapping

    def public_mapping(self) -> dict[str, Any]:
        """As :meth:`to_mapping`, for reports: of parameters, headers, the token and payloads that were given
        only the names and lengths, or the references to what holds them, unless the plan shows secrets."""
        mapping = self.to_mapping()
        if self.show_secrets:
            return mapping
        for key in ("param", "header", "event_payload"):
            mapping[key] = [[name, hidden(value)] for name, value in mapping[key]]
        if self.server_metrics is not None:
            mapping["server_metrics"] = shown_server_url(self.server_metrics)
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("payload", "join_payload", "auth_token") and value != each.default:
                mapping[each.name] = hidden(value)
        return mapping

    def __repr__(self) -> str:
        given = (each for each in fields(self) if getattr(self, each.name) != each.default)
        shown = replace(self, show_secrets=False).public_mapping()
        keys = (each.metadata["key"] or each.name for each in given)
        return f"Plan({', '.join(f'{key}={shown[key]!r}' for key in keys)})"

    def with_url(self, url: str) -> Plan:
        return replace(self, url=url)
