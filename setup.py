"""Compile fastphx's Cython modules; everything else about the build stands in pyproject.toml.

FASTPHX_DEBUG=1 builds with Cython's line tracing and without optimisation, FASTPHX_SANITIZE=1 with clang's
sanitizers and the counters that guide a fuzzer (see ci/fuzz), FASTPHX_PORTABLE=1 with what is done where a
system or a compiler has nothing better. Each kind of build keeps its own folder under build/, so that
changing between them costs one compilation and never mixes objects. What Cython makes is the same for all but
the first.
"""

import multiprocessing
import os
import shutil
import sys
import sysconfig
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - setup.py may be run directly, past requires-python
    sys.exit("fastphx needs Python 3.11 or newer: install one and run its own pip.")

from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, CompileError, PlatformError

SOURCE = Path("src")
DEBUG = os.environ.get("FASTPHX_DEBUG") == "1"
SANITIZE = os.environ.get("FASTPHX_SANITIZE") == "1"
EXACT_FRAMES = Path("tests", "fuzz", "exact_frames.pyx")
PORTABLE = os.environ.get("FASTPHX_PORTABLE") == "1"
FLAVOUR = "debug" if DEBUG else "sanitize" if SANITIZE else "portable" if PORTABLE else "release"
BUILD = Path("build", FLAVOUR)
# Only line tracing makes the C another.
TRANSLATED = Path("build", "debug" if DEBUG else "release", "c")
CPUS = os.cpu_count() or 1
# For clang. Python's own flags let a signed overflow wrap: here it is an error. CPython casts its functions.
SANITIZERS = [
    "-fno-wrapv",
    "-fsanitize=address,undefined,float-cast-overflow,fuzzer-no-link",
    "-fno-sanitize=function",
    "-fno-sanitize-recover=all",
    "-fsanitize-ignorelist=tests/fuzz/sanitizers.ignore",
]
DIRECTIVES = {
    "language_level": "3",
    "embedsignature": True,
    "linetrace": DEBUG,
    "boundscheck": True,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,
    "auto_pickle": False,
    "autotestdict": False,
}


def cannot_compile(reason: object) -> str:
    return (
        f"fastphx could not be compiled ({reason}): install a C compiler and Python's headers, "
        "for example `apt-get install gcc python3-dev` or `dnf install gcc python3-devel`."
    )


class Build(build):
    """Looks for the compiler before anything is copied."""

    def run(self) -> None:
        if os.name == "posix":
            command = os.environ.get("CC", sysconfig.get_config_var("CC") or "cc").split()
            if not command:
                sys.exit(cannot_compile("CC is set, and empty"))
            if shutil.which(command[0]) is None:
                sys.exit(cannot_compile(f"there is no {command[0]}"))
            if not Path(sysconfig.get_path("include"), "Python.h").exists():
                sys.exit(cannot_compile("there is no Python.h"))
        super().run()


class BuildExt(build_ext):
    """Runs Cython, compiles on every core, and turns a missing compiler into the one sentence that helps."""

    def finalize_options(self) -> None:
        if self.editable_mode:
            # setuptools would build in a temporary folder, so compile everything anew each time.
            self.build_lib = str(BUILD / f"lib-{sys.implementation.cache_tag}")
            self.build_temp = str(BUILD / f"temp-{sys.implementation.cache_tag}")
        super().finalize_options()
        self.parallel = self.parallel or CPUS

    def run(self) -> None:
        self.translate()
        try:
            super().run()
        except (CCompilerError, CompileError, PlatformError, FileNotFoundError) as error:
            sys.exit(cannot_compile(error))

    def translate(self) -> None:
        # Here and not in setup(): asking for metadata, or for an sdist, must not run Cython.
        from Cython.Build import cythonize

        # A start method other than fork would import this file again in every process.
        fork = multiprocessing.get_start_method() == "fork"
        translated = cythonize(
            self.extensions,
            nthreads=CPUS if fork else 0,
            build_dir=str(TRANSLATED),
            include_path=[str(SOURCE)],
            compiler_directives=DIRECTIVES,
            force=self.outdated(),
            quiet=self.verbose < 1,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in self.extensions:
            extension.sources = sources[extension.name]

    def outdated(self) -> bool:
        # Cython compares a translation with its sources only, not with the directives or the versions pinned.
        changed = max(Path(name).stat().st_mtime for name in ("setup.py", "pyproject.toml"))
        return any(path.stat().st_mtime < changed for path in TRANSLATED.glob("**/*.c"))


def extensions() -> list[Extension]:
    compile_args = ["-O0", "-g"] if DEBUG else ["-O3", "-g0"]
    if sys.platform == "win32":
        compile_args = ["/Od"] if DEBUG else ["/O2"]
    macros = [("CYTHON_TRACE_NOGIL", "1")] if DEBUG else []
    if PORTABLE:
        macros.append(("FASTPHX_PORTABLE", "1"))
    link_args = []
    if SANITIZE:
        # Not optimised: sanitizers make much code, and optimising it takes four times as long.
        compile_args = ["-O0", "-g", "-fno-omit-frame-pointer", *SANITIZERS]
        link_args = SANITIZERS
    paths = {path: path.relative_to(SOURCE) for path in sorted(SOURCE.glob("fastphx/**/*.pyx"))}
    if SANITIZE:
        paths[EXACT_FRAMES] = Path(EXACT_FRAMES.name)
    return [
        Extension(
            ".".join(name.with_suffix("").parts),
            [str(path)],
            extra_compile_args=compile_args,
            extra_link_args=link_args,
            define_macros=macros,
        )
        for path, name in paths.items()
    ]


if __name__ == "__main__":
    setup(
        ext_modules=extensions(),
        cmdclass={"build": Build, "build_ext": BuildExt},
        options={"build": {"build_base": str(BUILD)}},
    )
