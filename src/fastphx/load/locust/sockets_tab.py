"""A tab of Locust's page: the sockets that are really open, beside the users, which are only greenlets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, request
from locust.web import WebUI

KEY = "sockets"
COLUMNS = (
    ("name", "Worker"),
    ("users", "Users"),
    ("connected", "Sockets open"),
    ("joined", "Topics joined"),
    ("waiting", "Pushes waiting"),
    ("visiting", "Visits under way"),
    ("memory", "Memory (MiB)"),
)


def show_sockets_tab(web_ui: WebUI, rows: Callable[[], list[dict[str, Any]]]) -> None:
    """Add the tab; *rows* gives what stands in it, each time that the page asks."""
    web_ui.template_args["extended_tabs"] = [
        *web_ui.template_args.get("extended_tabs", ()),
        {"title": "Sockets", "key": KEY},
    ]
    web_ui.template_args["extended_tables"] = [
        *web_ui.template_args.get("extended_tables", ()),
        {"key": KEY, "structure": [{"key": key, "title": title} for key, title in COLUMNS]},
    ]

    assert web_ui.app is not None

    @web_ui.app.after_request
    def add_sockets(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            stats = orjson.loads(response.get_data())
            if isinstance(stats, dict):
                table = {"key": KEY, "data": [_cells(row) for row in rows()]}
                stats["extended_stats"] = [*stats.get("extended_stats", ()), table]
                response.set_data(orjson.dumps(stats))
        return response


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **{key: row[key] for key in ("name", "users", "connected", "joined", "visiting")},
        "waiting": row["in_flight"],
        "memory": round(row["rss_bytes"] / 2**20),
    }
