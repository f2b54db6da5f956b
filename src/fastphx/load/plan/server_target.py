"""Where the server's own figures come from: its process, and its metrics page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

MAX_URL_CHARS = 8192
MAX_PID = 2**31 - 1
MAX_PORT = 65535
_TARGET = re.compile(r"(?:([^@\s/]{1,64})@)?(\d{1,10})", re.ASCII)


def server_pid(value: object) -> str | None:
    """``PID`` or ``NAME@PORT``, as a text. Raises PlanError."""
    if value is None:
        return None
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = _TARGET.fullmatch(text)
    if match is None or not 0 < int(match[2]) <= (MAX_PORT if match[1] else MAX_PID):
        raise PlanError(f"{clip(str(value))} is no process: give its id, or NAME@PORT like beam.smp@4000")
    return text


def server_url(value: object) -> str | None:
    """A URL of HTTP. Raises PlanError, which does not show what may be secret in it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not isinstance(value, str) or not is_url or len(value) > MAX_URL_CHARS or not value.isprintable():
        shown = clip(shown_server_url(value)) if isinstance(value, str) else clip(str(value))
        raise PlanError(f"{shown} is no URL of a page: give one like http://127.0.0.1:4000/metrics")
    return value


def shown_server_url(url: str) -> str:
    """The URL without what may be secret: a user name with its password, and the query."""
    base, question, _ = url.partition("#")[0].partition("?")
    scheme, separator, rest = base.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    shown = f"{scheme}{separator}{'…@' if user else at}{host}{slash}{path}"
    return shown + ("?…" if question else "")
