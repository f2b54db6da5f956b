"""Values that may be secrets: how a plan says where one is, and how one is shown."""

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


def shown_payload(source: str, text: str) -> str:
    """How a dry run shows a payload that was given as *source*, and is sent as *text*.

    One that is written out is shown as it is sent, but for the fields with the name of a secret. Of one that
    comes from the environment or a file the names are shown, and the lengths of all values.
    """
    is_read = is_reference(source)
    try:
        value = orjson.loads(text)
        if not is_read and not _has_secret(value):
            return text
        return json.dumps(_shown_value(value, is_read), ensure_ascii=False)
    except (orjson.JSONDecodeError, RecursionError):
        return f"[{len(text)} characters]"


def is_secret_name(name: str) -> bool:
    """Whether a field or a column of that name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(is_secret_name(name) or _has_secret(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_has_secret, value))


def _shown_value(value: Any, is_hidden: bool) -> Any:
    """*value*, with what *is_hidden*, and what stands under the name of a secret, by its length."""
    if isinstance(value, dict):
        return {name: _shown_value(each, is_hidden or is_secret_name(name)) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown_value(each, is_hidden) for each in value]
    if not is_hidden or value is None or isinstance(value, bool):
        return value
    return f"[{len(str(value))} characters]"
