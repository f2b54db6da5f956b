"""What all scenarios have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import read_payload
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row
from fastphx.load.plan.template import Template


class Scenario:
    """One scenario with its plan. Raises PlanError where the plan does not suit it."""

    name: ClassVar[str] = ""
    holds: ClassVar[bool] = True
    """The connections are opened before the schedule starts, and stay to its end."""
    expects_reply: ClassVar[bool] = True
    is_stamped: ClassVar[bool] = False
    """Pushes carry a stamp, and subscribers time them by it."""
    counts_events: ClassVar[bool] = False
    has_herd: ClassVar[bool] = False
    """The server is disturbed, and how the connections return is timed."""
    is_journey: ClassVar[bool] = False
    """Users make visits, which count steps and checks."""
    topic_names: ClassVar[frozenset[str]] = frozenset({"i", "row"})

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._topics = [Template(topic, self.topic_names) for topic in plan.topics]
        self._push_topics = [Template(topic, self.topic_names) for topic in plan.push_topics]
        if plan.is_binary and max(len(name.encode()) for name in plan.event_names) > 255:
            raise PlanError("the event of a binary push has at most 255 bytes")

    @property
    def before(self) -> Any:
        """The function of a journey's file that prepares the run; None where there is none."""
        return None

    @property
    def after(self) -> Any:
        """The one that cleans up."""
        return None

    def topics(self, i: int, row: Row) -> tuple[str, ...]:
        """The topics of connection *i*."""
        return tuple(topic.render({"i": i, "row": row}) for topic in self._topics)

    def push_topics(self, i: int, row: Row) -> tuple[str, ...] | None:
        """Those of them that connection *i* pushes to, in turn; None: all."""
        if not self._push_topics:
            return None
        return tuple(topic.render({"i": i, "row": row}) for topic in self._push_topics)

    def pushes(self, i: int) -> bool:
        """Whether connection *i* takes part in the schedule of pushes."""
        return True

    def payload(self, event: str) -> bytes:
        """What a push of *event* carries, before placeholders are filled in."""
        return read_payload(self.plan.payload_of(event), self.payload_name(event))

    def payload_name(self, event: str) -> str:
        """What the payload of *event* is called in messages."""
        return f"{clip(event)} payload" if event in dict(self.plan.event_payloads) else "payload"
