"""What a callback may return."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fastphx.transports.endpoint import Params, shown_url
from fastphx.transports.withheld import withheld


class Timeout(Enum):
    """The type of :data:`TIMEOUT`."""

    TIMEOUT = "timeout"


class NoValue(Enum):
    """The type of :data:`NO_VALUE`."""

    NO_VALUE = "no value"


TIMEOUT: Final = Timeout.TIMEOUT
"""What ``handle_info`` is given when nothing else came within a response's ``timeout``."""

NO_VALUE: Final = NoValue.NO_VALUE
"""A :class:`Stop` without a reply; None is one."""


def _shown(url: str | None, params: Params | None) -> str:
    shown = repr(shown_url(url) if isinstance(url, str) else url)
    return f"url={shown}, params={withheld(params)}"


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect to *url* with *params*: from ``init``, or from another callback to connect again.

    *params* are the query's pairs, in order. A key may repeat, and a value may be a mapping or a list.
    Without *url*, the last one is used, and without *params*, the last ones. *after* is how many seconds to
    wait before the attempt.
    """

    url: str | None = None
    params: Params | None = None
    after: float = 0.0

    def __repr__(self) -> str:
        where = _shown(self.url, self.params)
        return f"Connect({where}, after={self.after!r})"


@dataclass(frozen=True, slots=True)
class NoConnect:
    """From ``init``: remember *url* and *params*, but do not connect yet."""

    url: str
    params: Params | None = None

    def __repr__(self) -> str:
        return f"NoConnect({_shown(self.url, self.params)})"


@dataclass(frozen=True, slots=True)
class Ignore:
    """From ``init``: do not start; ``start_link`` returns None."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the socket with *reason*. From ``handle_call``, *reply* is sent first. Without one, the call
    raises :class:`~fastphx.errors.StoppedError`."""

    reason: Any = "normal"
    reply: Any = NO_VALUE


@dataclass(frozen=True, slots=True)
class Ok:
    """Go on. After *timeout* seconds without another event, ``handle_info`` gets :data:`TIMEOUT`."""

    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """From ``handle_call``: answer with *value*. *timeout* as in :class:`Ok`."""

    value: Any
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class NoReply:
    """From ``handle_call``: answer later, with ``reply(caller, value)``. *timeout* as in :class:`Ok`."""

    timeout: float | None = None


Response = Ok | Connect | Stop | None
"""What every callback except ``init`` and ``handle_call`` may return. None means ``Ok()``."""

CallResponse = Reply | NoReply | Stop
InitResponse = Connect | NoConnect | Ignore | Stop
