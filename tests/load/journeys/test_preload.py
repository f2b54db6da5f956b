"""What a script uses is imported before its first visit, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fastphx.load.journeys import preload
from fastphx.load.plan.error import PlanError
from fastphx.load.scenarios.script_file import load_module

USER = """
from fastphx.load import User
class Visitor(User):
    async def run(self):
        async def later():
            {}
        await later()
"""


def script(folder: Path, does: str) -> Path:
    path = folder / "shop.py"
    path.write_text(USER.format(does))
    return path


@pytest.mark.parametrize(("does", "imported"), [("pass", "[]"), ("await self.http.get('/')", "['aiohttp']")])
def test_what_a_script_names_is_imported(tmp_path: Path, does: str, imported: str) -> None:
    code = """
import sys
from fastphx.load.journeys.preload import preload
from fastphx.load.scenarios.script_file import load_module
preload(load_module(sys.argv[1]))
print([name for name in ("aiohttp", "selectolax") if name in sys.modules], end="")
"""
    command = [sys.executable, "-c", code, str(script(tmp_path, does))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == imported


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preload.USES, "csrf", "no_such_module")
    module = load_module(str(script(tmp_path, "self.csrf(None)")))
    with pytest.raises(PlanError, match=r"csrf needs no_such_module: pip install 'fastphx\[load\]'"):
        preload.preload(module)
