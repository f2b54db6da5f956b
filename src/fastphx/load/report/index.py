"""The index of a folder of kept results: its runs with some of their figures, and how each of these went from
run to run. A page, or a table in Markdown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastphx.foreign_text import MAX_SENTENCE_CHARS, markdown_text, visible
from fastphx.load.plan.figures import LIMIT_FIGURES, figure_of
from fastphx.load.plan.threshold import units_of
from fastphx.load.report.page_files import kept_page
from fastphx.load.report.page_parts import Section, chart_section, section, table_part, text_part
from fastphx.load.report.readable import shown
from fastphx.load.result.error import ResultError
from fastphx.load.result.kept import Kept, read_folder

USUAL = (
    *(f"limit.{figure}" for figure in LIMIT_FIGURES),
    "visit.p99",
    "rtt.p99",
    "delivery.p99",
    "rejoin.p99",
    "throughput.visits_per_s",
    "throughput.replies_per_s",
    "throughput.deliveries_per_s",
    "connect.p99",
    "visits.failed",
    "lost",
)
"""The figures to show unless others are asked for: the first MAX_USUAL of them that a run has counted."""
MAX_USUAL = 6
MAX_LINES = 8
"""Names that a chart has a line for: those of the newest runs."""
MAX_PROBLEMS = 20
"""Files that are named because they are no results."""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the index."""

    kept: Kept
    figures: Mapping[str, float | None]
    report: str
    """Where the run's own page lies, as the index links to it; empty where there is none."""

    @property
    def time(self) -> str:
        return self.kept.started_at.strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True, slots=True)
class Index:
    """A folder's runs, the newest first."""

    runs: Sequence[Run]
    figures: Sequence[str]
    problems: Sequence[str]
    """What could not be read, a sentence each."""

    def document(self) -> dict[str, Any]:
        """The index as a page's document (`page_document`)."""
        newest = self.runs[0].kept
        return {
            "title": "fastphx load: kept results",
            "outcome": newest.outcome,
            "badge": f"last run: {_words(newest.outcome)}",
            "sentences": [],
            "notes": [visible(each, MAX_SENTENCE_CHARS) for each in [*self._marks(), *self._told_problems()]],
            "tiles": [],
            "sections": [*self._charts(), self._table()],
        }

    def markdown(self) -> str:
        """The table alone, for the page of a CI step."""
        titles = ["began (UTC)", "run", "outcome", *map(markdown_text, self.figures)]
        lines = [
            "### fastphx load: kept results",
            "",
            f"| {' | '.join(titles)} |",
            f"| --- | --- | --- |{' --: |' * len(self.figures)}",
        ]
        for run in self.runs:
            cells = [
                run.time,
                markdown_text(run.kept.name),
                _words(run.kept.outcome),
                *self._cells(run),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(f"- {markdown_text(each, MAX_SENTENCE_CHARS)}" for each in self._told_problems())]
        return "\n".join(lines).rstrip() + "\n"

    def _marks(self) -> list[str]:
        """What the charts mark of the runs that there are."""
        hollow = any(run.kept.outcome != "ok" for run in self.runs)
        gap = not all(run.kept.says_something for run in self.runs)
        return [
            *(["a hollow dot is a run that was not ok"] if hollow else []),
            *(["a line has a gap where a run was invalid or interrupted"] if gap else []),
        ]

    def _told_problems(self) -> list[str]:
        rest = len(self.problems) - MAX_PROBLEMS
        more = [f"{rest:,} more files are no results"] if rest > 0 else []
        return [*self.problems[:MAX_PROBLEMS], *more]

    def _table(self) -> Section:
        columns = [("began (UTC)", "word"), ("run", "word"), ("outcome", "verdict")]
        columns += [(visible(figure), "figure") for figure in self.figures]
        rows = [
            [
                "held" if run.kept.outcome == "ok" else "failed",
                [
                    {"text": run.time, "href": run.report} if run.report else run.time,
                    visible(run.kept.name),
                    _words(run.kept.outcome),
                    *self._cells(run),
                ],
            ]
            for run in self.runs
        ]
        return section("runs", "Runs", [table_part(columns, rows)])

    def _cells(self, run: Run) -> list[str]:
        values = ((figure, run.figures[figure]) for figure in self.figures)
        return ["-" if value is None else shown(figure, value) for figure, value in values]

    def _charts(self) -> list[Section]:
        charts = [self._chart(number, figure) for number, figure in enumerate(self.figures)]
        return [each for each in charts if each["parts"][0]["lines"]]

    def _chart(self, number: int, figure: str) -> Section:
        """A line for each name, with a gap where a run says nothing about the server, and a dot for each run,
        hollow unless its outcome is ok."""
        names = list(dict.fromkeys(run.kept.name for run in self.runs))
        unit, title, scale = _axis(figure)
        lines = []
        for name in names[:MAX_LINES]:
            runs = [run for run in reversed(self.runs) if run.kept.name == name]
            values = [(run, value * scale) for run in runs if (value := run.figures[figure]) is not None]
            if values:
                x = [int(run.kept.started_at.timestamp()) for run, _ in values]
                y = [value if run.kept.says_something else None for run, value in values]
                dots = [
                    [at, value, run.kept.outcome == "ok", self._told(run, figure)]
                    for at, (run, value) in zip(x, values, strict=True)
                ]
                lines.append({"name": visible(name), "x": x, "y": y, "dots": dots})
        axes = {"kind": "date", "title": "UTC"}, {"unit": unit, "title": title}
        made = chart_section(f"trend-{number}", visible(figure), *axes, [], lines)
        if len(names) > MAX_LINES:
            made["parts"].append(
                text_part(f"Runs of {len(names) - MAX_LINES:,} more names are in the table.")
            )
        return made

    def _told(self, run: Run, figure: str) -> str:
        value = shown(figure, run.figures[figure] or 0.0)
        return f"{run.time}: {value}, {_words(run.kept.outcome)}"


def read_index(folder: Path, figures: Sequence[str], page: Path) -> Index:
    """The index of the results below *folder*, which is to lie at *page*. Without *figures* it has USUAL
    ones. Raises ResultError where there are no results."""
    problems: list[str] = []
    runs = []
    for kept, result in read_folder(folder, problems):
        values = {figure: _value(result, figure) for figure in figures or USUAL}
        runs.append(Run(kept, values, _report_of(kept.path, page)))
    if not runs:
        why = f": {problems[0]}" if problems else ""
        raise ResultError(f"there are no results in {visible(str(folder))}{why}")
    runs.sort(key=lambda run: run.kept.started_at, reverse=True)
    counted = [figure for figure in USUAL if any(run.figures.get(figure) for run in runs)]
    return Index(runs, figures or counted[:MAX_USUAL], problems)


def write_index(index: Index, paths: Mapping[str, Path]) -> list[str]:
    """Write the index as ``html``, and append it as ``markdown``; a sentence for each that could not be."""
    problems = []
    for name, path in paths.items():
        try:
            with path.open("a" if name == "markdown" else "w", encoding="utf-8") as file:
                file.write(index.markdown() if name == "markdown" else kept_page(index.document()))
        except OSError as error:
            problems.append(f"the index {path} could not be written ({error.strerror})")
    return problems


def _value(result: Mapping[str, Any], figure: str) -> float | None:
    if "limit" in result and not figure.startswith("limit."):
        # It is of all steps of the search, also of those that broke.
        return None
    return figure_of(result, figure)


def _report_of(path: Path, page: Path) -> str:
    report = path.with_suffix(".html")
    if not report.is_file() or report.absolute() == page.absolute():
        return ""
    return quote(Path(os.path.relpath(report, page.parent)).as_posix())


def _axis(figure: str) -> tuple[str, str, float]:
    """Unit, title and scale of the axis of a figure."""
    units = units_of(figure)
    if "s" in units:
        return "s", "", 1.0
    if "MiB" in units:
        return "bytes", "", 1.0
    return ("", "%", 100.0) if "%" in units else ("", "a second" if "/s" in units else "", 1.0)


def _words(outcome: str) -> str:
    return outcome.replace("_", " ")
