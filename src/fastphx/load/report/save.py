"""Keeping results: each run's JSON in one folder, under its time and its name."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import MAX_NAME_CHARS
from fastphx.load.report.json import encoded

_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_BEING_WRITTEN = ".part"


def check_folder(folder: Path) -> None:
    """Make *folder*, if there is none. Raises PlanError if no result could be kept there: better now than
    after the run."""
    try:
        if folder.exists() and not folder.is_dir():
            raise OSError(errno.ENOTDIR, "it is no folder")
        folder.mkdir(parents=True, exist_ok=True)
        tried = folder / f".fastphx-{os.getpid()}{_BEING_WRITTEN}"
        tried.touch()
        tried.unlink()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PlanError(f"--save: no result can be kept in {clip(str(folder))} ({why})") from None


def save(mapping: Mapping[str, Any], folder: Path) -> Path:
    """Write the result into *folder*, and return its path: ``20261126T181703Z-checkout.json``, where there is
    one of that name ``20261126T181703Z-checkout-2.json``. It is there as a whole or not at all. Raises
    OSError."""
    data = encoded(mapping)
    stem = file_stem(mapping)
    for number in count(1):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.json"
        part = path.with_name(f".{path.name}{_BEING_WRITTEN}")
        try:
            # Whoever holds this file may write the other.
            file = part.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                file.write(data)
            if not path.exists():
                part.rename(path)
                return path
        finally:
            part.unlink(missing_ok=True)
    raise AssertionError("there are numbers enough")


def file_stem(mapping: Mapping[str, Any]) -> str:
    """The time and the name of a run, in characters that every file system takes."""
    time = re.sub("[-:]", "", mapping["started_at"])
    name = _UNSAFE.sub("-", mapping["name"][:MAX_NAME_CHARS]).strip("-.")
    return f"{time}-{name or 'run'}"
