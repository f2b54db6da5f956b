"""The packages from npm that sides on Node need."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = ("phoenix", "ws")
INSTALLED = Path(__file__).parent / "build" / "node"
TIMEOUT_S = 60


class NodeMissing(Exception):
    """There is no Node, or its packages could not be installed."""


def prepare() -> None:
    """Install the packages where they are missing, and tell sides where they are. Raises `NodeMissing`."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NodeMissing("Node or npm is missing")
    modules = INSTALLED / "node_modules"
    if not all((modules / name).exists() for name in PACKAGES):
        INSTALLED.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(INSTALLED), *PACKAGES]
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NodeMissing("npm could not install phoenix and ws in a minute") from None
        if done.returncode:
            raise NodeMissing("npm could not install phoenix and ws")
    os.environ["FASTPHX_NODE_MODULES"] = str(modules)
