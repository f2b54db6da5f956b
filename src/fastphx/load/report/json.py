"""The result as a JSON file, and the schema that it keeps to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import quoted, visible
from fastphx.load.plan.figures import LATENCIES
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import read_result
from fastphx.load.result.line import encodable
from fastphx.load.result.result import SCHEMA

ADDED: Mapping[str, list[Any] | dict[str, Any]] = {"notes": [], "own_lag": {}, "pushed_events": {}}
"""What the schema has got since it was new, and reports show."""


def encoded(mapping: Mapping[str, Any]) -> bytes:
    """The result as ``fastphx.load/2``."""
    try:
        return orjson.dumps(dict(mapping), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # Half of a surrogate pair, which UTF-8 has no bytes for.
        return orjson.dumps(encodable(mapping), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_json(mapping: Mapping[str, Any], path: Path) -> None:
    """Write ``fastphx.load/2``. Raises OSError."""
    path.write_bytes(encoded(mapping))


def read_json(path: Path) -> dict[str, Any]:
    """A kept result of which reports can be made. What an older fastphx did not write yet is empty. Raises
    ResultError where it does not keep to the schema, or has what is not known here."""
    from fastjsonschema import JsonSchemaValueException

    result = read_result(path)
    if result["schema"] != SCHEMA:
        raise ResultError(f"{quoted(str(path))} is of {result['schema']}: reports are made of {SCHEMA}")
    try:
        _validator()(result)
    except JsonSchemaValueException as error:
        why = visible(error.message.removeprefix("data."))
        raise ResultError(f"{quoted(str(path))} is damaged: {why}") from None
    steps = result.get("limit", {}).get("steps", ())
    timed = {*result["latency"], *(step["latency"] for step in steps)}
    if unknown := sorted(timed.difference(LATENCIES)):
        raise ResultError(f"{quoted(str(path))} has a latency {clip(unknown[0])}: a newer fastphx wrote it")
    for name, empty in ADDED.items():
        result.setdefault(name, empty.copy())
    return result


@cache
def _validator() -> Callable[[object], object]:
    import fastjsonschema

    made: Callable[[object], object] = fastjsonschema.compile(schema())
    return made


def schema() -> dict[str, Any]:
    """The JSON Schema of ``fastphx.load/2``, which ships in the package."""
    loaded: dict[str, Any] = orjson.loads(files(__package__).joinpath("schema.json").read_bytes())
    return loaded
