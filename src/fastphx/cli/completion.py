"""``fastphx completion``: what a shell needs to complete fastphx's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "fastphx"
VARIABLE = "_FASTPHX_COMPLETE"
"""What the script sets when it asks for completions; click derives it from the program's name."""
SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script with which SHELL completes fastphx's commands, options and files.

    \b
    bash    echo 'eval "$(fastphx completion bash)"' >> ~/.bashrc
    zsh     echo 'eval "$(fastphx completion zsh)"' >> ~/.zshrc
    fish    fastphx completion fish > ~/.config/fish/completions/fastphx.fish

    Then open a new shell. Bash must be 4.4 or newer.
    """
    group = click.get_current_context().find_root().command
    made = get_completion_class(shell)
    assert made is not None
    # Not source(): for bash, that first starts a bash to see its version, and the user's may be another one.
    script = made(group, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())
