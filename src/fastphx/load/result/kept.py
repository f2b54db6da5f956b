"""Results that were kept as JSON: one file, or a folder of them. Nothing that a file says is trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Self

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import quoted
from fastphx.load.result.error import ResultError
from fastphx.load.result.result import EXIT_CODES, SCHEMA, TIME
from fastphx.operating_system.read_at_most import read_at_most

SCHEMAS = ("fastphx.load/1", SCHEMA)
"""What is known; the older has no journeys, and no report is made of it."""
MAX_RESULT_BYTES = 256 << 20
"""A run of a day has 90 MB of seconds."""
MAX_RESULTS = 1000
"""Of a folder. The last by name are the newest, where ``--save`` has kept them."""
MAX_DEPTH = 3
"""Folders below a folder: an artefact of CI is often unpacked into one of its own."""
MAX_FOLDERS = 10_000
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
SAYS_NOTHING = ("invalid", "interrupted")
"""The outcomes of runs whose figures say nothing about the server."""


def read_result(path: Path) -> dict[str, Any]:
    """A result that ``--json`` or ``--save`` wrote; only its schema's name is looked at. Raises ResultError
    if it is none."""
    try:
        with path.open("rb") as file:
            data = read_at_most(file, MAX_RESULT_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ResultError(f"{quoted(str(path))} cannot be read ({why})") from None
    if len(data) > MAX_RESULT_BYTES:
        raise ResultError(f"{quoted(str(path))} has more than {MAX_RESULT_BYTES} bytes")
    try:
        result = orjson.loads(data)
    except ValueError:
        raise ResultError(f"{quoted(str(path))} is not JSON") from None
    found = result.get("schema") if isinstance(result, dict) else None
    if found not in SCHEMAS:
        other = f": its schema is {clip(found)}" if isinstance(found, str) else ""
        raise ResultError(f"{quoted(str(path))} is not a result of `fastphx load --json` ({SCHEMA}){other}")
    kept: dict[str, Any] = result
    return kept


@dataclass(frozen=True, slots=True)
class Kept:
    """What is told of a kept result: where it lies, and of what run it is."""

    path: Path
    name: str
    """The run's; foreign text."""
    started_at: datetime
    """Where the result does not say it, when the file was written."""
    outcome: str

    @classmethod
    def of(cls, path: Path, result: Mapping[str, Any]) -> Self:
        """Raises ResultError where the result does not say it."""
        plan = result.get("plan")
        scenario = plan.get("scenario") if isinstance(plan, Mapping) else None
        name, outcome = result.get("name"), result.get("outcome")
        if name is None and isinstance(scenario, str):
            name = PurePath(scenario).stem
        if not isinstance(name, str) or not isinstance(outcome, str) or outcome not in EXIT_CODES:
            raise ResultError(f"{quoted(str(path))} is damaged: it does not say of what run it is")
        return cls(path, name, _started_at(path, result.get("started_at")), outcome)

    @property
    def says_something(self) -> bool:
        """Whether its figures say something about the server."""
        return self.outcome not in SAYS_NOTHING


def _started_at(path: Path, text: object) -> datetime:
    try:
        if text is None:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if isinstance(text, str) and _TIME.fullmatch(text):
            return datetime.strptime(text, TIME).replace(tzinfo=UTC)
    except (OSError, ValueError, OverflowError):
        pass
    raise ResultError(f"{quoted(str(path))} is damaged: it does not say when its run began")


def read_folder(folder: Path, problems: list[str]) -> Iterator[tuple[Kept, dict[str, Any]]]:
    """Each result below *folder*, one after the other: they may not fit into memory together. A sentence for
    each file that is none is added to *problems*. Raises ResultError where the folder cannot be read."""
    for path in _result_files(folder, problems):
        try:
            result = read_result(path)
            yield Kept.of(path, result), result
        except ResultError as error:
            problems.append(str(error))


def newest_first(folder: Path, name: str | None, problems: list[str]) -> list[Kept]:
    """The results below *folder* whose figures say something about the server, of one name or of all.
    Raises ResultError where there are none; *problems* are as in `read_folder`."""
    found = [kept for kept, _ in read_folder(folder, problems) if name in (None, kept.name)]
    saying = sorted((kept for kept in found if kept.says_something), key=lambda kept: kept.started_at)
    called = "" if name is None else f" called {clip(name)}"
    if not saying:
        raise ResultError(f"there is no result of a run{called} in {quoted(str(folder))}")
    if len(saying) < len(found):
        number = f"{len(found) - len(saying):,} of {len(found):,} runs{called}"
        problems.append(f"passed over {number}, which were invalid or interrupted")
    return saying[::-1]


def _result_files(folder: Path, problems: list[str]) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise ResultError(f"{quoted(str(error.filename))} cannot be read ({error.strerror})")

    found: list[Path] = []
    for number, (where, below, names) in enumerate(os.walk(folder, onerror=refuse), 1):
        depth = len(Path(where).relative_to(folder).parts)
        below[:] = sorted(each for each in below if not each.startswith("."))
        if depth == MAX_DEPTH or number >= MAX_FOLDERS:
            below.clear()
        paths = (Path(where, name) for name in names if name.endswith(".json") and not name.startswith("."))
        # A pipe would be waited for.
        found += [path for path in paths if path.is_file()]
    found.sort(key=lambda path: (path.name, path))
    if len(found) > MAX_RESULTS:
        problems.append(
            f"{quoted(str(folder))} has {len(found):,} files: the last {MAX_RESULTS:,} by name are looked at"
        )
    return found[: -MAX_RESULTS - 1 : -1]
