"""``fanout``: publishers push stamped messages to topics that all others have joined."""

from __future__ import annotations

from typing import ClassVar

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import json_value, payload_template
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row
from fastphx.load.scenarios.base import Scenario
from fastphx.operating_system.machine import boot_id
from fastphx.protocol.json_value import dumps

STAMP_KEY = "fastphx"
STAMP_DIGITS = 20


def host_id() -> str:
    """Eight hexadecimal digits of this machine since it booted: who shares them shares the clock."""
    # A run that stamps nothing has no use for it, and it brings OpenSSL's hashes.
    from hashlib import blake2s

    return blake2s(boot_id().encode(), digest_size=4).hexdigest()


class Fanout(Scenario):
    """Measures the delivery of broadcasts: latency from when a push was due to each subscriber, and expected
    against received deliveries.

    The first ``publishers`` connections push, ``rate`` a second in total; the others subscribe, spread over
    ``topics`` topics (``{t}`` in the topic is its number). A publisher joins its share of the topics.
    """

    name: ClassVar[str] = "fanout"
    expects_reply: ClassVar[bool] = False
    is_stamped: ClassVar[bool] = True
    topic_names: ClassVar[frozenset[str]] = frozenset({"t"})

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        if plan.think_time_s or plan.in_flight:
            raise PlanError("think time and in-flight do not go with fanout, whose pushes have no reply")
        if plan.connections < 2:
            raise PlanError("fanout needs at least 2 connections: one publishes, and one subscribes")
        if not 1 <= plan.publishers < plan.connections:
            raise PlanError(
                f"publishers is {plan.publishers}: give 1 to {plan.connections - 1}, fewer than connections"
            )
        if len(plan.topics) != 1:
            raise PlanError("fanout takes one topic: spread the sockets with --topics and {t}")
        if plan.topic_count > 1 and not self._topics[0].uses:
            raise PlanError("with more than one topic the topic needs a {t}")
        if plan.vsn != "2.0.0" or plan.is_binary:
            raise PlanError("fanout stamps JSON payloads of vsn 2.0.0 only")
        if plan.push_topics:
            raise PlanError("fanout pushes to the topics that it spreads: leave the push topic out")
        if len(plan.events) > 1:
            raise PlanError("fanout pushes one event, which its subscribers time")
        self._stamped = self._stamp(super().payload(plan.event_names[0]))

    def topics(self, i: int, row: Row) -> tuple[str, ...]:
        count, publishers = self.plan.topic_count, self.plan.publishers
        if i >= publishers:
            numbers: range = range((i - publishers) % count, count, count)
        elif count > publishers:
            numbers = range(i, count, publishers)
        else:
            numbers = range(i % count, count, count)
        return tuple(self._topics[0].render({"t": number}) for number in numbers)

    def pushes(self, i: int) -> bool:
        return i < self.plan.publishers

    def payload(self, event: str) -> bytes:
        return self._stamped

    def _stamp(self, payload: bytes) -> bytes:
        template = payload_template(payload, "payload")
        if template.uses:
            raise PlanError(
                "fanout stamps its payload, which is the same for each push: it cannot have a placeholder"
            )
        value = json_value(template.render({}), "payload")
        if not isinstance(value, dict) or STAMP_KEY in value:
            raise PlanError(f"fanout needs a payload that is a JSON object without the key {STAMP_KEY}")
        return dumps({STAMP_KEY: f"{host_id()}:{'0' * STAMP_DIGITS}", **value})
