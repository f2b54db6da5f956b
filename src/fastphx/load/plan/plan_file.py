"""A plan's TOML file, whose other files are found beside it."""

from __future__ import annotations

import os
from typing import Any

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import MAX_NAME_CHARS
from fastphx.load.plan.secret import FILE

_FILES = ("data", "ca", "cert", "key")
_MAY_NAME_FILES = ("payload", "join_payload", "auth_token")
_PAIRS = ("param", "header", "event_payload")


def read_plan(path: str) -> dict[str, Any]:
    """The mapping of a TOML plan, its keys as Plan has them, and its relative paths from the plan's folder.
    Without a name it is called as its file. Raises PlanError."""
    import tomllib

    try:
        with open(path, "rb") as file:
            plan = {key.replace("-", "_"): value for key, value in tomllib.load(file).items()}
    except OSError as error:
        raise PlanError(f"the plan {clip(path)} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise PlanError(f"the plan {clip(path)} is not TOML ({clip(str(error), 160)})") from None
    folder, file_name = os.path.split(path)
    name = visible(os.path.splitext(file_name)[0])[:MAX_NAME_CHARS]
    return {"name": name, **{key: _beside(folder, key, value) for key, value in plan.items()}}


def _beside(folder: str, key: str, value: Any) -> Any:
    if key in _PAIRS:
        return _pairs_beside(folder, value)
    if isinstance(value, str):
        if key in _FILES or (key == "scenario" and value.endswith(".py")):
            return os.path.join(folder, value)
        if key in _MAY_NAME_FILES:
            return _reference_beside(folder, value)
    return value


def _pairs_beside(folder: str, value: Any) -> Any:
    if isinstance(value, str):
        name, equals, text = value.partition("=")
        return f"{name}{equals}{_reference_beside(folder, text)}"
    if isinstance(value, dict):
        return {name: _reference_beside(folder, text) for name, text in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) == 2 and all(isinstance(item, str) and "=" not in item for item in value):
        return [value[0], _reference_beside(folder, value[1])]
    return [_pairs_beside(folder, each) for each in value]


def _reference_beside(folder: str, value: Any) -> Any:
    is_file = isinstance(value, str) and value.startswith(FILE) and len(value) > 1
    return f"{FILE}{os.path.join(folder, value[1:])}" if is_file else value
