"""Values that may be secrets: where a plan names what holds one, and how one is shown."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

ENVIRONMENT = "env:"
FILE = "@"
_SECRET_NAME = re.compile(
    r"token|secret|passw|pwd|auth|cookie|credential|session|jwt|bearer|api.?key|private|signature",
    re.IGNORECASE,
)


def is_reference(source: str) -> bool:
    """Whether *source* names what holds the value (``env:NAME``, ``@FILE``), and so gives nothing away."""
    return source.startswith((ENVIRONMENT, FILE))


def from_environment(source: str, what: str) -> str:
    """What the variable of ``env:NAME`` holds. Raises PlanError, which does not show it."""
    name = source.removeprefix(ENVIRONMENT)
    found = os.environ.get(name)
    if found is None:
        raise PlanError(f"{what}: the environment has no variable {clip(name)}")
    return found


def hidden(value: str) -> str:
    """How a value is shown: by its length, or by the reference to what holds it."""
    return value if is_reference(value) else f"[{len(value)} characters]"


def shown_json(text: str) -> str:
    """A payload with the fields whose names are those of secrets hidden; as it is where it has none."""
    try:
        value = orjson.loads(text)
        return json.dumps(_without_secrets(value), ensure_ascii=False) if _has_secret(value) else text
    except (orjson.JSONDecodeError, RecursionError):
        return hidden(text)


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_secret(name, each) or _has_secret(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_has_secret, value))


def _is_secret(name: str, value: Any) -> bool:
    return _SECRET_NAME.search(name) is not None and not isinstance(value, dict | list | bool | type(None))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _hidden_field(each) if _is_secret(name, each) else _without_secrets(each)
            for name, each in value.items()
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


def _hidden_field(value: Any) -> str:
    return f"[{len(value if isinstance(value, str) else str(value))} characters]"
