"""Give what a page links to outside docs/ a place in the site: a page, or a picture as it is.

So a link leads to an example where the repository is read, and in the site, which needs no other host. It is
a hook of MkDocs, named in mkdocs.yml.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from posixpath import basename, dirname, join, normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs/"
FOLDER = "files/"
"""Where it is in the site."""

LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?\)")
FENCED = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.M | re.S)
PICTURES = (".svg", ".png")
LANGUAGES = {".py": "python", ".mjs": "javascript", ".toml": "toml", ".yaml": "yaml", ".json": "json"}
NO_SOURCES = (".pyc", ".so", ".c")
LONGEST_BYTES = 200_000
NOT_SEARCHED = "---\nsearch:\n  exclude: true\n---\n\n"


def place_of(path: str) -> str:
    """Where the site has *path*, which is relative to the checkout."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    if path.endswith(PICTURES):
        return FOLDER + path
    return f"{FOLDER}{path.removesuffix('.md')}.md"


def with_links(text: str, at: str, changed: Callable[[str], str | None]) -> str:
    """The Markdown *text* of *at* with another target for each link outside of code.

    *changed* is given the path in the checkout, and says None where the link stays.
    """

    def link(match: re.Match[str]) -> str:
        target = changed(normpath(join(dirname(at), match[2])))
        return match[0] if target is None else f"{match[1]}{target}{match[3] or ''})"

    parts, ends = [], 0
    for fenced in FENCED.finditer(text):
        parts += [LINK.sub(link, text[ends : fenced.start()]), fenced[0]]
        ends = fenced.end()
    return "".join((*parts, LINK.sub(link, text[ends:])))


def linked(text: str, at: str) -> list[str]:
    """What the Markdown *text* of *at* links to outside docs/, as far as it is there."""
    paths: list[str] = []
    with_links(text, at, paths.append)
    return [
        path for path in paths if not path.startswith((DOCS, "..")) and path != "." and (ROOT / path).exists()
    ]


def page_of(path: str) -> str:
    """The page that shows *path*: what a folder holds, a page as it is, code as a block."""
    found = ROOT / path
    if found.suffix == ".md":
        return found.read_text(encoding="utf-8")
    if found.is_dir():
        children = [
            child for child in found.iterdir() if child.name[0] not in "._" and child.suffix not in NO_SOURCES
        ]
        shown = "\n".join(f"- [{child.name}]({basename(path)}/{child.name})" for child in sorted(children))
    elif found.stat().st_size > LONGEST_BYTES:
        shown = "This file is too long for a page."
    else:
        text = found.read_text(encoding="utf-8").rstrip()
        shown = f"~~~{LANGUAGES.get(found.suffix, 'text')}\n{text}\n~~~"
    return f"{NOT_SEARCHED}# {path}\n\n{shown}\n"


def on_files(files: Files, config: Any) -> Files:
    """Add what the pages link to, and what that links to in its turn."""
    waiting = [
        path
        for page in files.documentation_pages()
        for path in linked(page.content_string, DOCS + page.src_uri)
    ]
    placed: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        place = place_of(path)
        if place in placed:
            continue
        placed[place] = path
        if place.endswith(PICTURES):
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
        else:
            page = page_of(path)
            files.append(File.generated(config, place, content=page))
            waiting += linked(page, path)
    config.extra["placed"] = placed
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Let each link lead to where the site has what it names. MkDocs names those that lead nowhere."""
    here, placed = page.file.src_uri, config.extra["placed"]
    at = placed.get(here, DOCS + here)

    def changed(path: str) -> str | None:
        place = place_of(path)
        is_known = place in placed or path.startswith(DOCS)
        return relpath(place, dirname(here) or ".") if is_known else None

    return with_links(markdown, at, changed)
