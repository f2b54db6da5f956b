"""The events that a plan pushes, each with its share of the pushes, and payloads of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import json_text

MAX_EVENTS = 100
MAX_WEIGHT = 1000

_WEIGHT = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PushedEvent:
    """An event of which *weight* pushes go out for each one of an event whose weight is 1."""

    name: str
    weight: int = 1

    def __str__(self) -> str:
        """As `pushed_events` reads it."""
        return self.name if self.weight == 1 and "=" not in self.name else f"{self.name}={self.weight}"


def pushed_events(value: object) -> tuple[PushedEvent, ...]:
    """``"echo"``, ``"echo=3"``, a list of such texts, or a mapping of names to weights. Raises PlanError."""
    if isinstance(value, Mapping):
        events = [_event(name, weight) for name, weight in value.items()]
    else:
        items = list(value) if isinstance(value, tuple | list) else [value]
        events = [_from_text(item) for item in items]
    if not 1 <= len(events) <= MAX_EVENTS:
        raise PlanError(f"there are {len(events)} events: give 1 to {MAX_EVENTS}")
    seen: set[str] = set()
    for event in events:
        if event.name in seen:
            raise PlanError(
                f"{clip(event.name)} is there twice: give it a weight, {clip(event.name)[1:-1]}=2"
            )
        seen.add(event.name)
    return tuple(events)


def _from_text(item: object) -> PushedEvent:
    if not isinstance(item, str):
        raise PlanError(f"{clip(str(item))} is not a text like echo or echo=3")
    name, equals, weight = item.rpartition("=")
    if not equals:
        return _event(item, 1)
    return _event(name, int(weight) if _WEIGHT.fullmatch(weight) else weight)


def _event(name: object, weight: object) -> PushedEvent:
    if not isinstance(name, str):
        raise PlanError(f"{clip(str(name))} is not an event's name")
    if not name:
        raise PlanError("the event is empty")
    if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= MAX_WEIGHT:
        raise PlanError(
            f"the weight of {clip(name)} is {clip(str(weight))}: give a whole number from 1 to {MAX_WEIGHT}, "
            "as in echo=3; a name that has = in it needs one"
        )
    return PushedEvent(name, weight)


def event_payloads(value: object) -> tuple[tuple[str, str], ...]:
    """Payloads of events: ``"EVENT=PAYLOAD"`` or a list of such texts, a list of pairs, or a mapping whose
    values are texts or what JSON can say. Raises PlanError, which shows no payload."""
    if isinstance(value, Mapping):
        items: list[object] = list(value.items())
    else:
        items = list(value) if isinstance(value, tuple | list) else [value]
    payloads: dict[str, str] = {}
    for item in items:
        name, payload = _payload_pair(item)
        if name in payloads:
            raise PlanError(f"there are two for {clip(name)}: give one of them")
        payloads[name] = payload
    return tuple(payloads.items())


def _payload_pair(item: object) -> tuple[str, str]:
    if isinstance(item, str):
        name, equals, text = item.partition("=")
        item = (name, text) if equals else ()
    match item:
        case (str(name), payload) if name:
            return name, json_text(payload)
    raise PlanError('one is not EVENT=PAYLOAD, like echo={"n":{n}}')
