"""What a plan gave in confidence, and a server may send back in what becomes a reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

from fastphx.load.plan.plan import Plan
from fastphx.load.plan.target import Target
from fastphx.load.worker.payload import Payload
from fastphx.transports.redaction import Redaction, connection_secrets


class Confidential:
    """Takes the parameters, headers, token and payloads of one connection out of a text, unless the plan
    shows secrets. What the plan has by default is no secret."""

    def __init__(
        self, plan: Plan, target: Target, join_payload: Payload, payloads: Sequence[Payload]
    ) -> None:
        self._target = target
        defaults = {each.name: each.default for each in fields(Plan)}
        self._payloads = [
            payload
            for name, payload in zip(plan.event_names, payloads, strict=True)
            if plan.payload_of(name) != defaults["payload"]
        ]
        if plan.join_payload != defaults["join_payload"]:
            self._payloads.append(join_payload)
        self._of_all: Callable[[str], str] | None = None
        if plan.show_secrets:
            self._of_all = str
        elif target.is_constant and all(each.constant is not None for each in self._payloads):
            self._of_all = self.of(0, 0)

    def of(self, i: int, n: int) -> Callable[[str], str]:
        """What takes it out for connection *i*, whose next push is number *n*."""
        if self._of_all is not None:
            return self._of_all
        row = self._target.row(i)
        return Redaction(
            *connection_secrets(self._target.url(i), self._target.options(i)),
            *(each.of_push(i, n, row) for each in self._payloads),
        )
