"""The command line: a click group whose subcommands are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click
from click.shell_completion import CompletionItem

COMMANDS = {
    "load": "Load a Phoenix server and report latencies.",
    "serve": "Run the embedded Phoenix-compatible server with its demo channels.",
    "listen": "Join a topic and print what arrives.",
    "push": "Push one message and print its reply.",
    "live": "Open a LiveView page, click, fill in forms, and print it.",
    "report": "Make reports of kept results of `fastphx load`.",
    "compare": "Compare two results of `fastphx load`.",
    "bench": "Compare two servers under one plan.",
    "init": "Write a plan and a journey for a Phoenix server.",
    "doctor": "See what stands between this machine and a Phoenix server.",
    "completion": "Print what a shell needs to complete commands and options.",
}
"""Each command's name and summary. Command NAME is the attribute NAME of module ``fastphx.cli.NAME``."""


class LazyGroup(click.Group):
    """A group that imports a subcommand only to run it or to show its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if find_spec(f"{__name__}.{name}") is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = getattr(import_module(f"{__name__}.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        named = [
            CompletionItem(name, help=COMMANDS[name])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        # The options, without the group's own way to list commands, which imports them all.
        return named + super(click.Group, self).shell_complete(ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib import metadata

        click.echo(f"fastphx {metadata.version('fastphx')}")
        ctx.exit()


@click.group(
    cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show it."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """A Phoenix Channels client and load tester with a compiled hot path."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
