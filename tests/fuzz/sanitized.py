"""Processes of Python with the sanitizers' runtime loaded, and with what is compiled for them on the path."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
SHARED_MEMORY = Path("/dev/shm")
SUPPRESSIONS = Path(__file__).with_name("leaks.supp")


def run_sanitized(
    module: str, *arguments: str, out: IO[str] | None = None, whole_stacks: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE ARGUMENTS…``; what it writes goes to *out*, or is kept.

    *whole_stacks*: say of memory where it came from, through Python's frames too. Ten times as slow.
    """
    # In memory where the machine has a folder for that. libFuzzer ends its process without tidying up.
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as files:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**_environment(whole_stacks), "TMPDIR": files},
            cwd=ROOT,
            stdout=out or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def _environment(whole_stacks: bool) -> dict[str, str]:
    asan = {
        "detect_leaks": 1,
        "leak_check_at_exit": 0,
        "allocator_may_return_null": 1,
        "quarantine_size_mb": 32,
        "malloc_context_size": 30,
        # Python keeps no frame pointers.
        "fast_unwind_on_malloc": int(not whole_stacks),
    }
    return {
        **os.environ,
        # The runtime, with libFuzzer in it.
        "LD_PRELOAD": str(metadata.distribution("atheris").locate_file("asan_with_fuzzer.so")),
        # Python's own allocator would hide where an object ends.
        "PYTHONMALLOC": "malloc",
        # The order in a set of texts is the same each time.
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": f"{os.environ['FASTPHX_SANITIZED']}:{ROOT}",
        "ASAN_OPTIONS": ":".join(f"{name}={value}" for name, value in asan.items()),
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "LSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:print_suppressions=0",
    }
