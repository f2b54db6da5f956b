"""Where this checkout is, and which of its files are the project's own."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "fastphx"
PASSED_OVER = {".git", ".venv", "build", "dist", "node_modules", "__pycache__"}


@cache
def own_files() -> list[Path]:
    """What git tracks or would track; outside a git checkout, everything that is not built or installed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        return sorted(ROOT / name for name in set(listing.stdout.split("\0")) if (ROOT / name).is_file())
    return sorted(
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not PASSED_OVER & set(path.relative_to(ROOT).parts)
    )


def own_text() -> list[tuple[Path, str]]:
    """Every own file that is text, with its text."""
    texts = []
    for path in own_files():
        try:
            texts.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts
