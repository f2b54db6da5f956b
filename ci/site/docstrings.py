"""Read the docstrings' roles and literal blocks as Markdown.

It is an extension of Griffe, named in mkdocs.yml.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:meth|class|func|mod|data|attr|exc):`(~?)([\w.]+)`")
LITERAL = re.compile(r"::(?=\n\n? +)")


def reference(match: re.Match[str]) -> str:
    """A name, as a link where the reference has it."""
    shortened, path = match[1], match[2]
    shown = path.rpartition(".")[2] if shortened else path
    if "." not in path:
        return f"`{shown}`"
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'


class Docstrings(griffe.Extension):
    """Roles become links, and ``::`` before a block of code a colon."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = LITERAL.sub(":", ROLE.sub(reference, obj.docstring.value))
