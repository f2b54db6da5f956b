"""A real headless browser, with the network off."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser", "chrome")
TIMEOUT_S = 90.0


def browser() -> str | None:
    """Its command, where there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def open_page(path: Path, profile: Path, width: int = 1200) -> tuple[str, list[str]]:
    """The page's document when its scripts have run, and what it wrote to the console."""
    command = browser()
    assert command is not None
    done = subprocess.run(
        [
            command,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--window-size={width},900",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=8000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)
