"""Read the docstrings' roles and literal blocks as Markdown.

It is an extension of Griffe, named in mkdocs.yml.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:meth|class|func|mod|data|attr|exc):`(~?)([\w.]+)`")
BROKEN = re.compile(r"``([^`\n]*\n[^`]*)``")
LITERAL = re.compile(r"::(?=\n\n? +)")


def reference(match: re.Match[str]) -> str:
    """A name, as a link where the reference has it."""
    shortened, path = match[1], match[2]
    shown = path.rpartition(".")[2] if shortened else path
    if "." not in path:
        return f"`{shown}`"
    return f'<autoref identifier="{path}" optional><code>{shown}</code></autoref>'


def markdown(text: str) -> str:
    """A docstring with links for its roles, code on one line, and a colon for ``::`` before a block."""
    text = BROKEN.sub(lambda match: f"``{' '.join(match[1].split())}``", text)
    return LITERAL.sub(":", ROLE.sub(reference, text))


class Docstrings(griffe.Extension):
    """Each docstring as Markdown."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
