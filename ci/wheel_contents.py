"""Fail where a wheel of fastphx lacks a file that it must have, or holds one that it must not."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path, PurePosixPath

MAX_BYTES = 5_000_000
"""Stripped of its symbols, a wheel has half of that."""

LIBRARIES = {".so", ".pyd"}
GENERATED = {".c", ".cpp", ".h", ".o", ".pyc"}


def faults(names: list[str], size: int) -> list[str]:
    """What is wrong with a wheel of *size* bytes that holds the files *names*."""
    found = [] if size <= MAX_BYTES else [f"it has {size} bytes, more than {MAX_BYTES}"]
    paths = [PurePosixPath(name) for name in names]
    held = set(names)
    compiled = {str(path.parent / path.name.partition(".")[0]) for path in paths if path.suffix in LIBRARIES}
    for path in paths:
        if path.parts[0] != "fastphx" and not path.parts[0].endswith((".dist-info", ".libs")):
            found.append(f"{path} is no part of fastphx")
        if path.suffix in GENERATED or "tests" in path.parts:
            found.append(f"{path} does not belong into a wheel")
        if path.suffix == ".pyx" and str(path.with_suffix("")) not in compiled:
            found.append(f"{path} was not compiled")
    found += [f"{module}.pyi is missing" for module in sorted(compiled) if f"{module}.pyi" not in held]
    found += [f"{module}.pxd is missing" for module in sorted(compiled) if f"{module}.pxd" not in held]
    if not compiled:
        found.append("it holds nothing compiled")
    if "fastphx/py.typed" not in held:
        found.append("fastphx/py.typed is missing")
    return found


def main(wheels: list[str]) -> None:
    if not wheels:
        sys.exit("usage: ci/wheel_contents.py WHEEL…")
    for wheel in map(Path, wheels):
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
        size = wheel.stat().st_size
        if wrong := faults(names, size):
            sys.exit("\n".join(f"{wheel.name}: {fault}" for fault in wrong))
        sys.stdout.write(f"  {wheel.name}: {len(names)} files, {size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
