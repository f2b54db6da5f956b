"""Rows of data from CSV and NDJSON files."""

from __future__ import annotations

import csv
import os
from functools import lru_cache
from pathlib import Path

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.regular_file import check_regular_file, why_unreadable
from fastphx.protocol import json_value

Row = dict[str, str]
MAX_ROWS = 5_000_000


def read_rows(path: str) -> tuple[Row, ...]:
    """The rows of a CSV file with a header line, or of an NDJSON file (``.ndjson``, ``.jsonl``) of objects.

    A file that was read before, and is as it was, is not read again. Raises PlanError if there is no such
    file, if it has no rows, or if it is neither.
    """
    try:
        check_regular_file(path)
        state = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return _read_rows(path, os.path.abspath(path), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read_rows(path: str, _absolute: str, _modified_ns: int, _size_bytes: int) -> tuple[Row, ...]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            if Path(path).suffix in (".ndjson", ".jsonl"):
                rows = [_json_row(line, path, number) for number, line in enumerate(file, 1) if line.strip()]
            else:
                reader = csv.DictReader(file, restval="")
                rows = [{key: value for key, value in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from None
    if not 0 < len(rows) <= MAX_ROWS:
        raise PlanError(f"the data file {clip(path)} has {len(rows)} rows: give 1 to {MAX_ROWS}")
    return tuple(rows)


def _unreadable(path: str, error: Exception) -> PlanError:
    return PlanError(f"the data file {clip(path)} cannot be read ({why_unreadable(error)})")


def _json_row(line: str, path: str, number: int) -> Row:
    try:
        value = json_value.loads(line.encode())
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise PlanError(f"line {number} of the data file {clip(path)} is not a JSON object")
    try:
        return {
            key: item if isinstance(item, str) else json_value.dumps(item).decode()
            for key, item in value.items()
        }
    except TypeError:
        # orjson reads deeper than it writes.
        raise PlanError(f"line {number} of the data file {clip(path)} is nested too deep") from None
