"""How a client connects, checked once."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any, Literal

from fastphx.client.deadline import NEVER_S
from fastphx.client.endpoint import transport_url
from fastphx.errors import ConnectError, ConnectionClosed, DisconnectReason, clip, clip_repr
from fastphx.serializers import Serializer
from fastphx.timing.backoff import DEFAULT_BASE_S, DEFAULT_CAP_S, full_jitter
from fastphx.transports.endpoint import Params
from fastphx.transports.longpoll import LONGPOLL_ONLY, LongPollOptions
from fastphx.transports.options import ConnectOptions, repeatable
from fastphx.transports.pairs import pairs_of
from fastphx.transports.withheld import withheld

Backoff = Callable[[int], float]
"""Takes the number of the retry, counted from 1. Returns how long to wait before it, in seconds."""

ReconnectRule = bool | Callable[[DisconnectReason], bool] | None
"""Whether to connect again after a given reason. None: see :func:`reconnects_by_default`."""

REJOIN_CAP_S = 10.0

MOST = (1 << 31) - 1
"""A larger bound on a number of things bounds nothing."""

FORBIDDEN = frozenset((401, 403))
"""The HTTP statuses that refuse a client because of its parameters: with others, it may get in."""

_WITHHELD = frozenset(("params", "headers", "auth_token", "transport_opts"))

# One generator for all clients: each would take 2.5 KB, and no two may have the same seed.
_RANDOM = Random()
if hasattr(os, "register_at_fork"):
    # Worker processes that were forked from one must not share a seed, either.
    os.register_at_fork(after_in_child=_RANDOM.seed)


@dataclass(slots=True, repr=False)
class Options:
    """The arguments of :func:`fastphx.connect`, which documents them. Raises ValueError.

    Its ``repr`` shows only the name and length of what may be secret.
    """

    url: str
    params: Params | Callable[[], Any] = ()
    headers: Any = ()
    auth_token: str | Callable[[], Any] | None = None
    transport: Any = "websocket"
    longpoll_fallback: float | None = None
    serializer: Any = None
    heartbeat_interval: float = 30.0
    timeout: float = 10.0
    open_timeout: float | None = 30.0
    reconnect: ReconnectRule = None
    backoff: Backoff | None = None
    backoff_base: float = DEFAULT_BASE_S
    backoff_cap: float = DEFAULT_CAP_S
    rejoin_backoff: Backoff | None = None
    hold: float = 5.0
    give_up_after: float | None = None
    buffer: int = 0
    shards: int | Literal["auto"] = 1
    max_shards: int = 1000
    max_in_flight: int = 65536
    random: Random = field(default_factory=lambda: _RANDOM)
    transport_opts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        transport_url(self.url)
        if not callable(self.params):
            self.params = check_params(self.params)
        if not callable(self.headers):
            self.headers = _pairs("headers", self.headers)
        self.transport_opts = repeatable(self.transport_opts)
        if not (self.auth_token is None or isinstance(self.auth_token, str) or callable(self.auth_token)):
            raise ValueError("auth_token is neither a str nor a callable")
        if not (self.reconnect is None or isinstance(self.reconnect, bool) or callable(self.reconnect)):
            raise ValueError(f"reconnect is {clip(repr(self.reconnect))}: give True, False or a callable")
        if self.serializer is not None and not isinstance(self.serializer, Serializer):
            raise ValueError(
                f"serializer is {clip(repr(self.serializer))}: give an object with vsn, encode and decode"
            )
        # Checked now, and not in the middle of an outage.
        full_jitter(1, self.random, base_s=self.backoff_base, cap_s=self.backoff_cap)
        for name in ("timeout", "open_timeout", "give_up_after", "hold", "longpoll_fallback"):
            value = getattr(self, name)
            if value is None and name not in ("timeout", "hold"):
                continue
            may_be_0 = name in ("hold", "longpoll_fallback")
            if not _is_number(value) or not (value > 0 or (may_be_0 and value == 0)):
                bound = "0 or more" if may_be_0 else "above 0"
                raise ValueError(f"{name} is {clip_repr(value)}: give seconds, {bound}")
            if value > NEVER_S:
                setattr(self, name, math.inf)
        if not (_is_number(self.heartbeat_interval) and 0 <= self.heartbeat_interval <= 86400):
            value = clip_repr(self.heartbeat_interval)
            raise ValueError(f"heartbeat_interval is {value}: give seconds, at most 86400, or 0 for none")
        if not isinstance(self.buffer, int) or self.buffer < 0:
            raise ValueError(
                f"buffer is {clip(repr(self.buffer))}: give how many unsent pushes are kept, or 0"
            )
        for name in ("max_in_flight", "max_shards"):
            if not isinstance(value := getattr(self, name), int) or not 1 <= value <= MOST:
                raise ValueError(f"{name} is {clip_repr(value)}: give 1 to {MOST}")
        if self.shards != "auto" and not (
            isinstance(self.shards, int) and 1 <= self.shards <= self.max_shards
        ):
            raise ValueError(f"shards is {clip(str(self.shards))}: give 1 to {self.max_shards}, or 'auto'")
        if isinstance(self.transport, str) and self.transport not in ("websocket", "longpoll"):
            raise ValueError(f"transport is {clip(self.transport)}: give 'websocket' or 'longpoll'")
        if self.transport == "websocket" and self.transport_opts:
            ConnectOptions.from_mapping(self.websocket_opts)
            own = self.transport_opts.keys() - self.websocket_opts.keys()
            LongPollOptions.from_mapping({name: self.transport_opts[name] for name in own})

    def __repr__(self) -> str:
        shown = (
            f"{each.name}={(withheld if each.name in _WITHHELD else clip_repr)(getattr(self, each.name))}"
            for each in fields(self)
            if each.name != "random"
        )
        return f"Options({', '.join(shown)})"

    @property
    def websocket_opts(self) -> dict[str, Any]:
        """The transport's options for a WebSocket: without those that only the fallback has."""
        left_out = frozenset[str]() if self.longpoll_fallback is None else LONGPOLL_ONLY
        return {name: value for name, value in self.transport_opts.items() if name not in left_out}

    @property
    def asks_for_parameters(self) -> bool:
        """Whether any parameter of an attempt comes from a callable."""
        return callable(self.params) or callable(self.headers) or callable(self.auth_token)

    def reconnect_delay(self, attempt: int) -> float:
        """How long to wait before retry number *attempt*, in seconds."""
        if self.backoff is not None:
            return _delay(self.backoff(attempt))
        return self.default_reconnect_delay(attempt)

    def default_reconnect_delay(self, attempt: int) -> float:
        return full_jitter(attempt, self.random, base_s=self.backoff_base, cap_s=self.backoff_cap)

    def rejoin_delay(self, attempt: int) -> float:
        if self.rejoin_backoff is not None:
            return _delay(self.rejoin_backoff(attempt))
        return self.default_rejoin_delay(attempt)

    def default_rejoin_delay(self, attempt: int) -> float:
        cap_s = max(self.backoff_base, REJOIN_CAP_S)
        return full_jitter(attempt, self.random, base_s=self.backoff_base, cap_s=cap_s)

    def may_reconnect(self, reason: DisconnectReason, *, was_connected: bool, may_ask_again: bool) -> bool:
        if self.reconnect is None:
            return reconnects_by_default(reason, was_connected=was_connected, may_ask_again=may_ask_again)
        if isinstance(self.reconnect, bool):
            return self.reconnect
        decision = self.reconnect(reason)
        if not isinstance(decision, bool):
            raise TypeError(f"a reconnect rule returned a {type(decision).__name__}: return True or False")
        return decision


def reconnects_by_default(
    reason: DisconnectReason, *, was_connected: bool, may_ask_again: bool = False
) -> bool:
    """Whether to connect again if the user has no rule: not after a normal close (1000), nor after HTTP 410.

    HTTP 401, 403 and 404 are final before the client *was_connected*. Later, 404 is retried, because an
    ingress answers so while servers are replaced; 401 and 403 if the attempt *may_ask_again* for parameters.
    """
    if isinstance(reason, ConnectionClosed):
        return reason.code != 1000
    status = reason.status if isinstance(reason, ConnectError) else None
    if status in FORBIDDEN:
        return was_connected and may_ask_again
    return was_connected if status == 404 else status != 410


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _delay(delay_s: float) -> float:
    if not _is_number(delay_s) or not math.isfinite(delay_s) or delay_s < 0:
        raise ValueError(f"a backoff returned {clip(repr(delay_s))}: return seconds, 0 or more")
    return float(delay_s)


def check_params(params: Any) -> Params:
    """*params* as a tuple of pairs, which can be iterated again. Raises ValueError, which shows no value."""
    return _pairs("params", params)


def _pairs(name: str, given: Any) -> tuple[Any, ...]:
    if given is None:
        return ()
    try:
        pairs = tuple(pairs_of(given))
        dict(pairs)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is a {type(given).__name__}: give a mapping, or pairs") from None
    return pairs


async def resolve(value: Any) -> Any:
    """*value*; if it is callable, what it returns; if that is awaitable, its result."""
    if callable(value):
        value = value()
        if inspect.isawaitable(value):
            return await value
    return value
