"""What the reports say of the server itself: its processes, and the metrics of its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.load.plan.figures import SERVER_QUANTILES
from fastphx.load.plan.units import seconds
from fastphx.load.report.readable import count, metric, per_second, size
from fastphx.load.server.figures import ServerFigures

MAX_AGE_S = 2.0
"""An older reading of the page is told with its age."""


def process_rows(mapping: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Of the server's processes: title, figure, and the words that go on from it. Nothing where they were
    not watched."""
    process = mapping.get("server", {}).get("process")
    if process is None:
        return []
    busiest = process["cpu_max"] * process["cores"]
    used = (
        f"of {process['cores']:g} cores, {busiest:.2f} in its busiest second, {process['cpu_s']:.3g} s in all"
    )
    about = [f"at most, {process['threads_max']} threads"]
    if "open_files_max" in process:
        about.append(f"{count(process['open_files_max'])} open files")
    return [
        ("server CPU", f"{process['cores_used']:.2f}", used),
        ("server memory", size(process["rss_bytes_max"]), ", ".join(about)),
    ]


def metric_rows(mapping: Mapping[str, Any]) -> dict[str, str]:
    """Each metric of the server's page, and its figures in few words."""
    metrics = mapping.get("server", {}).get("metrics", {})
    return {name: _figures(name, figures) for name, figures in metrics.items()}


def _figures(name: str, figures: Mapping[str, Any]) -> str:
    if figures["kind"] == "histogram":
        if not figures["count"]:
            return "none"
        quantiles = [f"{each} {_with_width(name, figures, each)}" for each in SERVER_QUANTILES]
        return ", ".join([f"{count(figures['count'])} of mean {metric(name, figures['mean'])}", *quantiles])
    if "mean" not in figures:
        return "-"
    if figures["kind"] == "counter":
        rates = f"{per_second(figures['rate'])}, at most {per_second(figures['max'])}"
        return f"{rates}, {count(figures['count'])} in all"
    if figures["min"] == figures["max"]:
        return f"{metric(name, figures['last'])} throughout"
    shown = {each: metric(name, figures[each]) for each in ("mean", "min", "max", "last")}
    return ", ".join(f"{each} {value}" for each, value in shown.items())


def _with_width(name: str, figures: Mapping[str, Any], quantile: str) -> str:
    """A quantile, and the width of its bucket, which is the error."""
    value, width = figures[quantile], figures[f"{quantile}_width"]
    return f"> {metric(name, value)}" if width is None else f"{metric(name, value)} ± {metric(name, width)}"


def page_text(mapping: Mapping[str, Any]) -> str:
    """How often the page was read, and how long that took at most; empty where it was not."""
    page = mapping.get("server", {}).get("page")
    if page is None:
        return ""
    failed, slowest = sum(page["failures"].values()), seconds(page["scrape_max_s"])
    text = f"the metrics page was read {count(page['readings'])} times, in {slowest} at most"
    return text + (f"; it failed {count(failed)} time{'s' if failed > 1 else ''}" if failed else "")


def server_text(server: ServerFigures) -> str:
    """The server's last second in one line; empty where it is not watched."""
    if not server.series:
        return ""
    row, parts = server.series[-1], []
    if "cores_used" in row:
        parts.append(f"{row['cores_used']:.2f} cores")
    if "rss_bytes" in row:
        parts.append(size(row["rss_bytes"]))
    if server.is_scraped:
        # A histogram that is called so is no length.
        queues = [
            value
            for name, value in row["metrics"].items()
            if "run_queue" in name and not isinstance(value, Mapping)
        ]
        parts += [f"run queue {count(max(queues))}"] if queues else []
        age_s = row["age_s"]
        if age_s is None:
            parts.append("no metrics yet")
        elif age_s > MAX_AGE_S:
            parts.append(f"metrics {age_s:.0f}s old")
    return f"server {' '.join(parts)}" if parts else ""
