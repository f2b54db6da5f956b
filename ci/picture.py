"""Draw docs/load.svg: the table of a `fastphx load` run that this script makes."""

import asyncio
from io import StringIO
from pathlib import Path

from rich.console import Console

from fastphx.cli.load import DEMO
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.control.progress import QuietProgress
from fastphx.load.plan.plan import Plan
from fastphx.load.report.terminal import summary

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "load.svg"


def main() -> None:
    result = asyncio.run(Coordinator(Plan.from_mapping(DEMO), QuietProgress()).run())
    if result.exit_code:
        raise SystemExit(" ".join(result.sentences))
    console = Console(record=True, file=StringIO(), width=78, force_terminal=True)
    console.print("$ fastphx load", highlight=False)
    summary(result.to_mapping(), console)
    console.save_svg(str(PICTURE), title="fastphx load", unique_id="fastphx-load")


if __name__ == "__main__":
    main()
