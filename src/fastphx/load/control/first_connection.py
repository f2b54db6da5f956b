"""What a plan's connection 0 sends first: placeholders filled in, secrets by their length."""

from __future__ import annotations

from typing import Any

from fastphx.load.plan.payload import PAYLOAD_NAMES, read_payload
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.secret import ENVIRONMENT, shown_json
from fastphx.load.plan.target import Target
from fastphx.load.plan.template import Template
from fastphx.load.scenarios import scenario_of

MAX_SHOWN_CHARS = 2000


def first_connection(plan: Plan) -> dict[str, Any]:
    """Its topics, the first payloads, and what it connects with, for a plan that `preflight` has passed."""
    target, scenario = Target(plan), scenario_of(plan)
    row = target.row(0)

    def rendered(source: str, payload: bytes, *, is_binary: bool = False) -> str:
        if is_binary:
            return f"[{len(payload)} bytes]"
        text = Template(payload.decode(), PAYLOAD_NAMES, is_json=True).render({"i": 0, "n": 0, "row": row})
        if not plan.show_secrets:
            text = f"[{len(text)} characters]" if source.startswith(ENVIRONMENT) else shown_json(text)
        return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"

    def shown(value: str) -> str:
        return value if plan.show_secrets else f"[{len(value)} characters]"

    options = target.options(0)
    return {
        "topics": list(scenario.topics(0, row)),
        "join_payload": rendered(plan.join_payload, read_payload(plan.join_payload, "join payload")),
        "event": plan.event,
        "payload": rendered(plan.payload, scenario.payload(), is_binary=plan.is_binary),
        "params": [[name, shown(value)] for name, value in target.params(0)],
        "headers": [[name, shown(value)] for name, value in options.extra_headers],
        "auth_token": None if options.auth_token is None else shown(options.auth_token),
    }
