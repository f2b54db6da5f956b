"""What real servers and a real browser said to each other, by version and page.

A recording has ``page_html``, ``docs``, ``ws``, ``frames`` and ``steps``; tests/data/liveview/README.md says
what they are.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "liveview"
VERSIONS = ("lv020", "lv11", "lv12")

Recording = dict[str, Any]


@cache
def recordings(version: str) -> dict[str, Recording]:
    """The recordings of *version*, by their page's name; do not change them."""
    with gzip.open(FOLDER / f"{version}.json.gz", "rt", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    found.pop("probes")
    return found


def recording(version: str, page: str) -> Recording:
    return recordings(version)[page]


@cache
def probes(version: str) -> list[dict[str, Any]]:
    """Edge cases without a browser, and what the server answered."""
    with gzip.open(FOLDER / f"{version}.json.gz", "rt", encoding="utf-8") as file:
        found: list[dict[str, Any]] = json.load(file)["probes"]
    return found
