"""Write the reference of the command line from the commands themselves.

It is a hook of MkDocs, named in mkdocs.yml.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from fastphx.cli import main

PAGE = "reference/cli.md"
MARK = "<!-- commands -->"
"""What the commands stand for on that page."""

OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*)")
MARKUP = re.compile(r"[\\`*_<\[|]")


def command_line(command: click.Command = main, name: str = "fastphx") -> str:
    """A chapter for each command: its usage, its words and a table of its options."""
    context = click.Context(command, info_name=name, **command.context_settings)
    parts = [*_paragraphs(command.help or ""), *_options(command, context)]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            usage = " ".join(found.collect_usage_pieces(click.Context(found, info_name=each)))
            parts += [f"## {name} {each}", f"```text\n{name} {each} {usage}\n```"]
            parts.append(command_line(found, f"{name} {each}"))
    return "\n\n".join(part for part in parts if part)


def _paragraphs(text: str) -> Iterator[str]:
    r"""A command's words. After ``\b`` their lines are kept."""
    for paragraph in inspect.cleandoc(text).partition("\f")[0].split("\n\n"):
        kept = paragraph.partition("\b\n")[2]
        yield f"```text\n{kept}\n```" if kept else _as_text(" ".join(paragraph.split()))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        option.get_help_record(context)
        for option in command.get_params(context)
        if isinstance(option, click.Option)
    ]
    rows = [f"| `{names}` | {_as_text(words)} |" for names, words in filter(None, records)]
    yield "\n".join(["| option | what it does |", "| --- | --- |", *rows])


def _as_text(words: str) -> str:
    """Words of a help text: options as code, and nothing that Markdown or HTML reads in another way."""
    parts = OPTION.split(words)
    return "".join(f"`{part}`" if n % 2 else MARKUP.sub(r"\\\g<0>", part) for n, part in enumerate(parts))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str | None:
    """Put the commands where the page has their mark."""
    return markdown.replace(MARK, command_line()) if page.file.src_uri == PAGE else None
