"""The site's reference of the command line has every command and every option."""

from __future__ import annotations

import click
from ci.site.command_line import MARK, PAGE, command_line

from fastphx.cli import main
from tests.house.checkout import ROOT


def test_every_option_is_there() -> None:
    chapters = command_line().split("\n## fastphx ")
    assert len(chapters) == 1 + len(main.list_commands(click.Context(main)))
    for chapter in chapters[1:]:
        name = chapter.partition("\n")[0]
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert f"{option.opts[-1]}" in chapter, name


def test_a_help_text_is_text() -> None:
    @click.command()
    @click.option("--to", metavar="A|B", help="Like --from: a_b, <c> and *d* | [e]. `f`")
    def odd(to: str) -> None:
        """First.

        \b
        kept  as
        it is"""

    text = command_line(odd, "odd")
    assert r"| `--to A|B` | Like `--from`: a\_b, \<c> and \*d\* \| \[e]. \`f\` |" in text
    assert text.startswith("First.\n\n```text\nkept  as\nit is\n```")


def test_the_page_has_its_mark() -> None:
    assert MARK in (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
