"""``python -m fastphx`` and the ``fastphx`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code; what a user got wrong ends in one sentence, exit 2."""
    try:
        import click

        from fastphx.cli import main as group
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write("fastphx: the command line needs click: pip install fastphx[load]\n")
        sys.exit(2)
    try:
        code = group.main(prog_name="fastphx", standalone_mode=False)
    except click.ClickException as error:
        sentence = " ".join(error.format_message().split())
        sys.stderr.write(f"fastphx: {sentence}\n")
        code = error.exit_code
    except click.Abort:
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
