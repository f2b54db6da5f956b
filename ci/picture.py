"""Draw a `fastphx load` that this script runs.

docs/load.svg is the table that it ends with; docs/assets/run.svg plays the run once, in its own time.

Neither loads anything: the letters are those of the reader's own monospaced font.
"""

from __future__ import annotations

import asyncio
import re
from io import StringIO
from pathlib import Path
from time import monotonic
from typing import Any, cast

from rich.console import Console

from fastphx.cli.load import DEMO
from fastphx.load.control.coordinator import Coordinator
from fastphx.load.plan.plan import Plan
from fastphx.load.report.live_progress import LiveProgress
from fastphx.load.report.terminal import summary
from fastphx.load.result.result import Result

DOCS = Path(__file__).resolve().parents[1] / "docs"
TITLE = "fastphx load"
COLUMNS = 78
CLIPPED = re.compile(r' clip-path="[^"]*"')
"""What rich clips each text by; a text has its length, too."""

STYLE = """\
text { font: 20px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
.title { font: bold 18px sans-serif }
"""
STILL_FOR_WHO_ASKS = """\
@media (prefers-reduced-motion: reduce) {
.passing { display: none }
.last { visibility: visible !important }
}
"""
SHOWN = '<set attributeName="visibility" to="visible" begin="{begins_s:.2f}s" dur="{lasts_s:.2f}s"/>'
SEEN_S = 0.05
"""A frame that is gone before is not drawn."""
HIDDEN = '<set attributeName="visibility" to="hidden" begin="0s" dur="{ends_s:.2f}s"/>'


class Terminal:
    """A terminal that is drawn, not shown."""

    def __init__(self, name: str) -> None:
        self.console = Console(record=True, file=StringIO(), width=COLUMNS, force_terminal=True)
        self.console.print(f"$ {TITLE}", highlight=False)
        self._name = name

    def drawn(self, form: str) -> str:
        """*form*, whose ``{matrix}`` and the like are what rich says that they are."""
        svg = self.console.export_svg(title=TITLE, clear=False, code_format=form, unique_id=self._name)
        return CLIPPED.sub("", svg).replace(f'class="{self._name}-title"', 'class="title"')

    def picture(self, inside: str, style: str = "") -> str:
        """A whole picture, as large as what this terminal has, with *inside* in it."""
        head = self.drawn(
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}">\n'
            "<title>A run of fastphx load</title>\n<style>\n(style){styles}\n</style>\n"
            '{chrome}\n<g transform="translate({terminal_x}, {terminal_y})">\n'
        )
        return f"{head.replace('(style)', STYLE + style)}{inside}\n</g>\n</svg>\n"


class Recorder(LiveProgress):
    """The progress of a run as a terminal has it, each second a frame."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, cast("Any", StringIO()))
        self._live.stop()
        self._started_s = monotonic()
        self.frames: list[tuple[float, Terminal]] = [(0.0, Terminal("f0"))]

    def phase(self, text: str, lasts_s: float | None = None) -> None:
        super().phase(text, lasts_s)
        self._take()

    def row(self, row: dict[str, Any], result: Result) -> None:
        super().row(row, result)
        self._take()

    def close(self) -> None:
        self.frames.append((monotonic() - self._started_s, Terminal("last")))

    def _take(self) -> None:
        terminal = Terminal(f"f{len(self.frames)}")
        terminal.console.print(self)
        self.frames.append((monotonic() - self._started_s, terminal))

    def played(self) -> str:
        """The frames one after the other; the last one stays."""
        *passing, (ends_s, last) = self.frames
        times_s = [begins_s for begins_s, _ in self.frames]
        groups, styles = [], []
        for (begins_s, terminal), next_s in zip(passing, times_s[1:], strict=True):
            if next_s - begins_s < SEEN_S:
                continue
            shown = SHOWN.format(begins_s=begins_s, lasts_s=next_s - begins_s)
            groups.append(
                terminal.drawn(f'<g class="passing" visibility="hidden">{shown}{{backgrounds}}{{matrix}}</g>')
            )
            styles.append(terminal.drawn("{styles}\n"))
        hidden = HIDDEN.format(ends_s=ends_s)
        groups.append(last.drawn(f'<g class="last">{hidden}{{backgrounds}}{{matrix}}</g>'))
        return last.picture("\n".join(groups), "".join(styles) + STILL_FOR_WHO_ASKS)


def main() -> None:
    plan = Plan.from_mapping(DEMO)
    recorder = Recorder(plan)
    result = asyncio.run(Coordinator(plan, recorder).run())
    if result.exit_code:
        raise SystemExit(" ".join(result.sentences))
    _, last = recorder.frames[-1]
    summary(result.to_mapping(), last.console)
    (DOCS / "load.svg").write_text(last.picture(last.drawn("{backgrounds}{matrix}")), encoding="utf-8")
    (DOCS / "assets" / "run.svg").write_text(recorder.played(), encoding="utf-8")


if __name__ == "__main__":
    main()
