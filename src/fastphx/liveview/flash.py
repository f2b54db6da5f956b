"""The flash messages that a page shows, as Phoenix' generators and ``put_flash`` have them."""

from __future__ import annotations

import re

from fastphx.liveview.document import Document, Element

MAX_MESSAGES = 100
_KIND = re.compile(r"(?:flash|alert)-([A-Za-z][\w-]*)\Z")


def shown_flash(document: Document) -> dict[str, str]:
    """Texts by kind (``info``, ``error``): of elements whose click clears a flash, of ids like
    ``flash-info``, and of classes like ``alert-info``. Hidden ones are left out."""
    found: dict[str, str] = {}
    candidates = '[phx-value-key], [id^="flash-"], [class*="alert-"], [class*="flash-"]'
    for element in document.select(candidates)[:MAX_MESSAGES]:
        kind = _kind(element)
        if kind is not None and element.text and not any(each.has("hidden") for each in element.lineage()):
            found.setdefault(kind, element.text)
    return found


def _kind(element: Element) -> str | None:
    if "lv:clear-flash" in (element.get("phx-click") or ""):
        return element.get("phx-value-key") or "all"
    for name in (element.id or "", *(element.get("class") or "").split()):
        match = _KIND.match(name)
        if match is not None and match[1] != "group":
            return match[1]
    return None
