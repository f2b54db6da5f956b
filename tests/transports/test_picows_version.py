"""The compiled modules take one version of picows and say so in one sentence."""

import subprocess
import sys
from importlib.metadata import requires

import pytest

from fastphx.transports import picows_version


def test_the_version_is_the_one_that_is_installed_with_fastphx() -> None:
    assert f"picows=={picows_version.PICOWS_VERSION}" in (requires("fastphx") or [])


@pytest.mark.parametrize("found", ["2.3.2", None])
def test_another_version_is_one_clear_import_error(found: str | None) -> None:
    code = (
        "import importlib.metadata as metadata\n"
        "def version(name):\n"
        f"    if {found!r} is None: raise metadata.PackageNotFoundError(name)\n"
        f"    return {found!r}\n"
        "metadata.version = version\n"
        "import fastphx.transports.websocket\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: fastphx was compiled for picows 2.3.1")
    assert last.endswith("`pip install picows==2.3.1`")
