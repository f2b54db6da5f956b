"""Fail unless a tag, pyproject.toml's version and the newest heading of CHANGELOG.md say the same version."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def disagreement(tag: str, root: Path = ROOT) -> str:
    """What does not fit, in one sentence; empty where all fits."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if tag != f"v{version}":
        return f"the tag is {tag!r}, and the version {version}: tag v{version}, or change pyproject.toml"
    newest = re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if newest is None or newest[1] != version:
        found = "nothing" if newest is None else newest[1]
        return f"CHANGELOG.md begins with {found}: give what is released the heading {version}"
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: ci/check_tag.py TAG")
    sys.exit(disagreement(sys.argv[1]))
