"""The compiled modules take one version of picows and say so in one sentence."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from fastphx.transports import picows_version


def test_the_version_is_the_one_that_is_installed_with_fastphx() -> None:
    assert f"picows=={picows_version.PICOWS_VERSION}" in (requires("fastphx") or [])


@pytest.mark.parametrize("found", ["2.3.2", "none"])
def test_another_version_is_one_clear_import_error(found: str, tmp_path: Path) -> None:
    (tmp_path / "picows").mkdir()
    (tmp_path / "picows" / "__init__.py").touch()
    code = "import fastphx.transports.websocket"
    if found == "none":
        code = (
            "import importlib.metadata as metadata\n"
            "def version(name): raise metadata.PackageNotFoundError(name)\n"
            f"metadata.version = version\n{code}"
        )
    else:
        metadata = tmp_path / f"picows-{found}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: picows\nVersion: {found}\n")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(tmp_path)},
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: fastphx was compiled for picows 2.3.1 and found {found}: ")
    assert last.endswith("`pip install picows==2.3.1`")
