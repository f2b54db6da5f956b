"""The page's template, style and scripts: in one file, as a report, or as the files of the live page."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import orjson

from fastphx.foreign_text import MAX_SENTENCE_CHARS, html_text

STYLE = "page.css"
SCRIPTS = ("chart.js", "page.js")
LIVE_SCRIPT = "live.js"
POLICY = "default-src 'none'; img-src data:; style-src {style}; script-src {script}"
"""A report loads nothing, and runs nothing but its own script (CSP level 3, section 2.3)."""


def kept_page(document: Mapping[str, Any]) -> str:
    """A page that needs nothing else, with its document inside."""
    style, script = _read(STYLE), "".join(map(_read, SCRIPTS))
    policy = POLICY.format(style=_hash(style), script=_hash(script))
    # A "</script>" in the data would end the script, and a "<!--" take its end away.
    data = orjson.dumps(document).decode().replace("<", "\\u003c")
    return _page(
        document["title"],
        " ".join([document["badge"], *document["sentences"]]),
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>',
        f'<script id="document" type="application/json">{data}</script>\n<script>{script}</script>',
    )


def live_page() -> str:
    """A page that asks beside itself for its files (`page_file`), for ``events``, where server-sent events
    named ``whole`` and ``update`` are documents, and posts to ``stop``."""
    scripts = (f'<script src="{name}"></script>' for name in (*SCRIPTS, LIVE_SCRIPT))
    return _page("fastphx load", "", f'<link rel="stylesheet" href="{STYLE}">', "\n".join(scripts))


def page_file(name: str) -> tuple[str, bytes] | None:
    """The media type and the content of one of the live page's files; None if it is none of them."""
    if name not in (STYLE, *SCRIPTS, LIVE_SCRIPT):
        return None
    kind = "text/css" if name == STYLE else "text/javascript"
    return f"{kind}; charset=utf-8", _read(name).encode()


def _page(title: str, said: str, style: str, script: str) -> str:
    parts = {
        "TITLE": html_text(title),
        "SAID": html_text(said, MAX_SENTENCE_CHARS),
        "STYLE": style,
        "SCRIPT": script,
    }
    # Mark by mark, from the left: what is put in for one may look like another.
    first, *rest = _read("page.html").split("@@")
    return first + "".join(parts[part] if at % 2 == 0 else part for at, part in enumerate(rest))


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
