"""What a plan's connection 0 sends first: placeholders filled in, and no secret shown.

A payload that is written out is shown as it is sent, but for fields with the name of a secret; values of a
row's columns with such a name are shown nowhere. Parameters, headers, the token, and what comes from the
environment or a file, are shown by name and length. ``show_secrets`` shows all.
"""

from __future__ import annotations

from typing import Any

from fastphx.foreign_text import clipped
from fastphx.load.plan.payload import PAYLOAD_NAMES, read_payload
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.secret import is_secret_name, shown_payload
from fastphx.load.plan.target import Target
from fastphx.load.plan.template import Template
from fastphx.load.scenarios import scenario_of
from fastphx.transports.redaction import Redaction

MAX_SHOWN_CHARS = 2000


def first_connection(plan: Plan) -> dict[str, Any]:
    """Its topics, the first payloads, and what it connects with, for a plan that `preflight` has passed."""
    target, scenario = Target(plan), scenario_of(plan)
    row = target.row(0)
    is_open = plan.show_secrets
    conceal = Redaction(*(() if is_open else (row[name] for name in row if is_secret_name(name))))

    def rendered(source: str, payload: bytes, *, is_binary: bool = False) -> str:
        if is_binary:
            return f"[{len(payload)} bytes]"
        text = Template(payload.decode(), PAYLOAD_NAMES, is_json=True).render({"i": 0, "n": 0, "row": row})
        return clipped(conceal(text if is_open else shown_payload(source, text)), MAX_SHOWN_CHARS)

    def shown(value: str) -> str:
        return value if is_open else f"[{len(value)} characters]"

    options = target.options(0)
    connection = {
        "params": [[name, shown(value)] for name, value in target.params(0)],
        "headers": [[name, shown(value)] for name, value in options.extra_headers],
        "auth_token": None if options.auth_token is None else shown(options.auth_token),
    }
    if scenario.is_journey:
        # Its users say themselves what they do.
        return connection
    payloads = {
        event: rendered(plan.payload_of(event), scenario.payload(event), is_binary=plan.is_binary)
        for event in plan.event_names
    }
    has_one = len(payloads) == 1
    return {
        "topics": list(map(conceal, scenario.topics(0, row))),
        "push_topics": list(map(conceal, scenario.push_topics(0, row) or scenario.topics(0, row))),
        "join_payload": rendered(plan.join_payload, read_payload(plan.join_payload, "join payload")),
        "event": plan.event_names[0] if has_one else list(map(str, plan.events)),
        "payload": payloads[plan.event_names[0]] if has_one else payloads,
        **connection,
    }
