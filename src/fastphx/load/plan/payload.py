"""The payload of a push or a join: a text, or what a file or a variable of the environment holds."""

from __future__ import annotations

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.regular_file import check_regular_file, why_unreadable
from fastphx.load.plan.secret import ENVIRONMENT, FILE, from_environment
from fastphx.load.plan.template import Template
from fastphx.operating_system.read_at_most import read_at_most
from fastphx.protocol.json_value import loads

PAYLOAD_NAMES = frozenset({"i", "n", "row"})
"""What may stand in a payload's placeholders: the connection's number, the push's, and its row's columns."""
MAX_FILE_BYTES = 64 << 20


def json_text(value: object) -> str:
    """A payload: JSON as text, or the value itself (from a plan file). Raises PlanError."""
    try:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    except TypeError as error:
        raise PlanError(f"it cannot be written as JSON ({error})") from None


def payload_template(source: bytes, what: str) -> Template:
    """*source*, JSON with placeholders in it. Raises PlanError."""
    try:
        return Template(source.decode(), PAYLOAD_NAMES, is_json=True)
    except UnicodeDecodeError as error:
        raise PlanError(f"the {what} is not UTF-8 ({error.reason}): send it with --binary") from None


def json_value(text: str, what: str) -> object:
    """The value of a payload whose placeholders are filled in. Raises PlanError."""
    try:
        value: object = loads(text.encode("utf-8", "surrogatepass"))
    except orjson.JSONDecodeError as error:
        # Not the text: it may hold a token.
        raise PlanError(f"the {what}, of {len(text)} characters, is not JSON ({error})") from None
    return value


def read_payload(source: str, what: str) -> bytes:
    """The bytes of *source*: of the file if it is ``@FILE``, of the variable if it is ``env:NAME``, otherwise
    of the text. Raises PlanError."""
    if source.startswith(FILE):
        return read_file(source[1:], what)
    text = from_environment(source, f"the {what}") if source.startswith(ENVIRONMENT) else source
    return text.encode("utf-8", "surrogatepass")


def read_file(path: str, what: str) -> bytes:
    """A file's bytes. Raises PlanError."""
    try:
        check_regular_file(path)
        with open(path, "rb") as file:
            data = read_at_most(file, MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise PlanError(f"the {what}'s file {clip(path)} cannot be read ({why_unreadable(error)})") from None
    if len(data) > MAX_FILE_BYTES:
        raise PlanError(f"the {what}'s file {clip(path)} has more than {MAX_FILE_BYTES} bytes")
    return data
