"""The payload of a push or a join: a text, or what a file holds."""

from __future__ import annotations

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.regular_file import check_regular_file, why_unreadable
from fastphx.load.plan.template import Template

PAYLOAD_NAMES = frozenset({"i", "n", "row"})
"""What may stand in a payload's placeholders: the connection's number, the push's, and its row's columns."""
MAX_FILE_BYTES = 64 << 20


def payload_template(source: bytes, what: str) -> Template:
    """*source*, JSON with placeholders in it. Raises PlanError."""
    try:
        return Template(source.decode(), PAYLOAD_NAMES, is_json=True)
    except UnicodeDecodeError as error:
        raise PlanError(f"the {what} is not UTF-8 ({error.reason}): send it with --binary") from None


def json_value(text: str, what: str) -> object:
    """The value of a payload whose placeholders are filled in. Raises PlanError."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise PlanError(f"the {what} {clip(text)} is not JSON ({error})") from None
    return value


def read_payload(source: str, what: str) -> bytes:
    """The bytes of *source*: those of the file where it is ``@FILE``, else the text's. Raises PlanError."""
    if not source.startswith("@"):
        return source.encode("utf-8", "surrogatepass")
    try:
        check_regular_file(source[1:])
        with open(source[1:], "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = why_unreadable(error)
        raise PlanError(f"the {what}'s file {clip(source[1:])} cannot be read ({why})") from None
    if len(data) > MAX_FILE_BYTES:
        raise PlanError(f"the {what}'s file {clip(source[1:])} has more than {MAX_FILE_BYTES} bytes")
    return data
