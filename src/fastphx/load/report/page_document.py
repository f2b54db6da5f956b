"""A result's page as data, made of its mapping alone: what ``page.js`` draws, in a report and while a run
goes on.

A *document* is JSON, and all its texts are fit to be shown (`fastphx.foreign_text.visible`)::

    {"title": "fastphx load: echo", "outcome": "ok", "badge": "ok",
     "sentences": ["…"], "notes": ["…"],
     "tiles": [["RTT p99", "1.2 ms"], …],
     "sections": [{"id": "latency", "title": "Latency", "width": "full", "parts": [part, …]}, …]}

A section is as wide as the page, or shares its row with another that is ``half``. Its parts are one of::

    {"kind": "text", "text": "…"}
    {"kind": "table", "columns": [["p50", "figure"], …], "rows": [["held", ["1 ms", …]], …]}
    {"kind": "chart", "x_axis": {"kind": "time"}, "y_axis": {"unit": "s", "title": "", "log": false},
     "x": [1, 2, 3], "lines": [{"name": "RTT p99", "y": [0.001, null, 0.002]}], "marks": [2]}

A column is a ``name``, a ``figure``, a ``word``, a ``text`` or a ``verdict``, which has the colour of its
row's kind: ``held``, ``failed`` or none. A cell is a text, two that stand one below the other,
or a link: ``{"text": "…", "href": "…"}``.

The x axis of a chart is ``time`` (seconds), ``date`` (seconds since 1970), ``percentile`` (HdrHistogram's
1/(1 - percentile), on a log scale) or ``number``, with a ``title``. The unit of its y axis is ``s``,
``bytes`` or none. A value that is null is a gap. A mark is a vertical line, where the server was started
anew. A line may have an ``x`` of its own, and ``dots``: ``[x, y, whether it held, what it says]``. A line of
nothing but zeros is not drawn, unless all are, and it is the first.

The live page is sent documents as well. They have one key more::

    "live": {"phase": "steady", "elapsed_s": 12.5, "planned_s": 60.0, "output": ["a line of a script's"]}

A *whole* document replaces what is shown. An *update* is a document, too: its sections replace those of the
same id, and others stay; the points of its ``time`` charts are added to those that are there, from its first
one on, so that a second may be sent again; its ``output`` is added to the lines that are there. So
``page_document(mapping)`` is an update where the mapping's ``series`` and ``server.series`` have only the new
rows and ``histograms`` are left out. A whole document is sent when the phase changes, because other lines are
drawn then, and every `MAX_POINTS` seconds, because it thins what has grown long. When the run has ended, a
whole document without ``live`` is the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible
from fastphx.load.plan.figures import LATENCIES, LIMIT_TITLES
from fastphx.load.plan.units import seconds
from fastphx.load.report.journey import percent
from fastphx.load.report.limit import load_cell
from fastphx.load.report.page_charts import MAX_POINTS, limit_charts, run_charts
from fastphx.load.report.page_tables import first_tables, last_tables, limit_table
from fastphx.load.report.readable import count, per_second, size

__all__ = ["MAX_POINTS", "page_document"]


def page_document(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a result's mapping, ``fastphx.load/2``."""
    return {
        "title": visible(f"fastphx load: {mapping['plan']['scenario']}"),
        "outcome": mapping["outcome"],
        "badge": mapping["outcome"].replace("_", " "),
        "sentences": [visible(each, MAX_SENTENCE_CHARS) for each in mapping["sentences"]],
        "notes": [visible(each, MAX_SENTENCE_CHARS) for each in mapping["notes"]],
        "tiles": [[visible(name), visible(value)] for name, value in _tiles(mapping)],
        "sections": [
            *limit_table(mapping),
            *limit_charts(mapping),
            *first_tables(mapping),
            *run_charts(mapping),
            *last_tables(mapping),
        ],
    }


def _tiles(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    if mapping.get("limit", {}).get("steps"):
        return _limit_tiles(mapping["limit"])
    return _journey_tiles(mapping) if "visits" in mapping else _run_tiles(mapping)


def _limit_tiles(limit: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a whole search are of all its steps, and say nothing by themselves."""
    held, broke = (
        "-" if limit[name] is None else load_cell(limit, limit[name]) for name in ("held", "broke")
    )
    there = [step for step in limit["steps"] if step["outcome"] == "held" and step["load"] == limit["held"]]
    latency = LATENCIES[limit["steps"][0]["latency"]]
    return [
        (f"{LIMIT_TITLES[limit['figure']]} held", held),
        ("not held", broke),
        ("answered there", per_second(there[-1]["throughput_per_s"]) if there else "-"),
        (f"{latency} p99 there", seconds(there[-1]["p99_s"]) if there else "-"),
        ("steps", count(len(limit["steps"]))),
        ("verdict", limit["verdict"].replace("_", " ")),
    ]


def _run_tiles(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    totals, throughput, client = mapping["totals"], mapping["throughput"], mapping["client"]
    tiles = [("connections", count(totals["connections"]))]
    for name in ("rtt", "delivery", "rejoin", "connect"):
        if mapping["latency"][name]["count"]:
            tiles.append((f"{LATENCIES[name]} p99", seconds(mapping["latency"][name]["p99"])))
            break
    if totals["casts"]:
        expected = totals["expected_deliveries"]
        received = percent(totals["deliveries"] / expected) if expected else "-"
        tiles.append(("received of expected", received))
        tiles.append(("deliveries", per_second(throughput["deliveries_per_s"])))
    else:
        tiles.append(("replies", per_second(throughput["replies_per_s"])))
        tiles.append(("lost", count(totals["lost"])))
    tiles.append(("disconnects", count(totals["disconnects"])))
    tiles.append(("memory a socket", size(client["rss_bytes_per_connection"])))
    return tiles


def _journey_tiles(mapping: Mapping[str, Any]) -> list[tuple[str, str]]:
    visits, checks = mapping["visits"], mapping["checks"].values()
    tiles = [
        ("visits ok", count(visits["ok"])),
        ("visits", per_second(mapping["throughput"]["visits_per_s"])),
        ("visit p99", seconds(mapping["latency"]["visit"].get("p99"))),
        ("visits failed", count(visits["failed"])),
        ("visits unsent", count(visits["unsent"])),
        ("step errors", count(sum(step["errors"] for step in mapping["steps"].values()))),
    ]
    if checks:
        passed, failed = (sum(check[name] for check in checks) for name in ("passed", "failed"))
        tiles.append(("checks passed", percent(passed / (passed + failed)) if passed + failed else "-"))
    return tiles
