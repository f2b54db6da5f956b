"""A page as text: a line for each block, as somebody reads it aloud."""

from __future__ import annotations

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

_UNSEEN = frozenset(("script", "style", "head", "template", "noscript", "svg"))
_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        "address article aside blockquote body br button caption dd details dialog div dl dt fieldset "
        "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol option p pre section "
        "select summary table tbody tfoot thead tr ul",
    )
)
_CELLS = frozenset(("td", "th"))
MAX_NODES = 1_000_000


def page_text(html: str) -> str:
    """The text of the document *html*, a block a line, without empty lines. What a field holds stands in
    brackets."""
    root = LexborHTMLParser(html).body
    pieces: list[str] = []
    left: list[tuple[Any, bool]] = [] if root is None else [(root, False)]
    for _ in range(MAX_NODES):
        if not left:
            break
        node, is_over = left.pop()
        tag = node.tag or ""
        if tag == "-text":
            pieces.append(re.sub(r"\s+", " ", node.text(deep=False)))
        elif tag in _UNSEEN or not node.is_element_node or "hidden" in node.attributes:
            continue
        elif is_over:
            pieces.append("\n" if tag in _BLOCKS else "\t")
        else:
            if tag in _BLOCKS:
                pieces.append("\n")
            if tag == "input" and node.attributes.get("type") != "hidden":
                pieces.append(f" [{node.attributes.get('value') or ''}] ")
            if tag in _BLOCKS or tag in _CELLS:
                left.append((node, True))
            left.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
    lines = (re.sub(r" *\t *", "  ", line.strip()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)
