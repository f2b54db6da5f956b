"""Builds and imports the compiled pieces of the benchmarks, which are no part of the package."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
NATIVE = HERE / "native"
BUILD = HERE / "build" / sys.implementation.cache_tag

SCRIPT = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
name, source, out, *include = sys.argv[1:]
setup(name=name, script_args=["-q", "build_ext", "--build-lib", out, "--build-temp", out + "/temp"],
      ext_modules=cythonize([Extension(name, [source], extra_compile_args=["-O3", "-g0", "-w"])],
                            include_path=include, build_dir=out + "/c", quiet=True,
                            compiler_directives={"language_level": "3"}))
"""


def load(name: str) -> ModuleType:
    """The module of ``native/NAME.pyx``, built where it is missing or older than what it is made of.

    Raises ``RuntimeError`` with the compiler's last words where it cannot be built.
    """
    import fastphx

    package = Path(fastphx.__file__).parent
    source = NATIVE / f"{name}.pyx"
    built = next(BUILD.glob(f"{name}.*.so"), None)
    newest = max(path.stat().st_mtime for path in (source, *package.glob("**/*.pxd")))
    if built is None or built.stat().st_mtime < newest:
        BUILD.mkdir(parents=True, exist_ok=True)
        (BUILD / "c").mkdir(exist_ok=True)
        for stale in (BUILD / "c").rglob(f"{name}.c"):
            stale.unlink()
        arguments = [name, str(source.relative_to(HERE)), str(BUILD), str(package.parent)]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            # Cython writes the source's path, as it is given, into what it makes.
            cwd=HERE,
        )
        if done.returncode:
            raise RuntimeError(f"{source.name} could not be built: {done.stderr.strip().splitlines()[-1]}")
    if str(BUILD) not in sys.path:
        sys.path.insert(0, str(BUILD))
    return importlib.import_module(name)
