"""The inputs that are kept in the repository: one a line, as Python writes bytes."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

MAX_KEPT_BYTES = 5000
"""How much of them is kept of one target, the shortest first."""

CORPUS = Path(__file__).parent / "corpus"


def read_kept(name: str) -> list[bytes]:
    path = CORPUS / f"{name}.txt"
    if not path.exists():
        return []
    return [ast.literal_eval(line) for line in path.read_text(encoding="ascii").splitlines()]


def write_kept(name: str, inputs: Iterable[bytes]) -> None:
    kept = ""
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        line = f"{data!r}\n"
        if len(kept) + len(line) > MAX_KEPT_BYTES:
            break
        kept += line
    (CORPUS / f"{name}.txt").write_text(kept, encoding="ascii")
