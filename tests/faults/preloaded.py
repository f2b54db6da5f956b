"""Compiles what is preloaded into a process so that its libc fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
TIMEOUT_S = 60.0


def preloaded(name: str, folder: Path) -> dict[str, str]:
    """The environment of a process with the library of *name*, which is compiled into *folder*."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("cc")
    assert compiler is not None, "fastphx was compiled here"
    library = folder / f"{name}.so"
    source = HERE / f"{name}.c"
    command = [*compiler.split(), "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)
    return {"LD_PRELOAD": str(library)}
