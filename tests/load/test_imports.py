"""A run's processes hold no module that the run has no use for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from .processes import serve

OF_REPORTS = {"hdrh", "jinja2", "numpy", "rich", "xml"}
NEVER = {
    *OF_REPORTS,
    "aiohttp",
    "decimal",
    "email",
    "gevent",
    "html",
    "locust",
    "tomllib",
    "importlib.metadata",
    "prometheus_client",
    "psutil",
}
COORDINATOR_NEVER = {
    *NEVER,
    "fastphx.client",
    "fastphx.load.live_page.page",
    "fastphx.load.worker.meter",
    "fastphx.load.worker.process",
    "fastphx.testing",
    "hashlib",
    "picows",
    "uvloop",
}
OF_THE_RESULT = {"hdrh"}
"""When the run has ended, its result holds histograms as text."""
WORKER_NEVER = {
    *NEVER,
    "picows",
    "click",
    "fastphx.client",
    "fastphx.gen_socket_client",
    "fastphx.load.control",
    "fastphx.load.live_page",
    "fastphx.load.report",
    "fastphx.testing",
}
PRINT_MODULES = "import sys; print(*sorted(sys.modules))"
RUN = """
import sys
from fastphx.__main__ import main
try:
    main()
except SystemExit as left:
    assert left.code == 0, left
"""


def modules_after(code: str, *arguments: str) -> set[str]:
    """What is imported when *code* has run in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}\n{PRINT_MODULES}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(ended.stdout.split())


def test_a_worker_imports_what_a_plain_run_needs() -> None:
    modules = modules_after("import fastphx.load.worker.process")
    assert not modules & WORKER_NEVER


def test_a_run_imports_no_tables_charts_or_connections(tmp_path: Path) -> None:
    with serve() as (_, url):
        modules = modules_after(
            RUN,
            *(
                "load",
                url,
                "-c",
                "2",
                "--rate",
                "20",
                "--duration",
                "300ms",
                "--threshold",
                "lost==0",
                "--quiet",
            ),
            *("--max-schedule-lag", "30s", "--max-loop-lag", "30s", "--max-cpu", "100%"),
            *("--json", str(tmp_path / "result.json")),
        )
    assert "fastphx.load.control.coordinator" in modules
    assert modules & COORDINATOR_NEVER == OF_THE_RESULT


def test_before_it_runs_a_run_that_is_shown_has_imported_no_more() -> None:
    assert not modules_after("import fastphx.cli.load") & COORDINATOR_NEVER


def test_a_page_brings_the_web_server_that_no_other_run_has() -> None:
    modules = modules_after("import fastphx.load.live_page.page")
    assert "aiohttp.web" in modules
    assert not modules & {"fastphx.testing", "fastphx.client", "picows", "rich"}


def test_a_worker_of_journeys_imports_what_they_use() -> None:
    asked = "import fastphx.load.worker.journey_runner, fastphx.load.journeys.user"
    unused = modules_after(asked)
    assert not unused & {"aiohttp", "selectolax"}
    used = modules_after(f"{asked}, fastphx.load.journeys.http, fastphx.load.journeys.csrf")
    assert "aiohttp" in used
    # A page is parsed only where it is asked for.
    assert "selectolax" not in used
