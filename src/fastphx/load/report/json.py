"""The result as a JSON file, and the schema that it keeps to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson


def encoded(mapping: Mapping[str, Any]) -> bytes:
    """The result as ``fastphx.load/2``."""
    try:
        return orjson.dumps(dict(mapping), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        # A lone surrogate, which UTF-8 has no bytes for: as JSON's own escape.
        return f"{json.dumps(mapping, indent=2)}\n".encode("ascii")


def write_json(mapping: Mapping[str, Any], path: Path) -> None:
    """Write ``fastphx.load/2``. Raises OSError."""
    path.write_bytes(encoded(mapping))


def schema() -> dict[str, Any]:
    """The JSON Schema of ``fastphx.load/2``, which ships in the package."""
    loaded: dict[str, Any] = orjson.loads(files(__package__).joinpath("schema.json").read_bytes())
    return loaded
