"""``python -m fastphx`` and the ``fastphx`` command."""

from __future__ import annotations

import sys

OF_THE_EXTRA = frozenset({"click", "hdrh", "plotly", "rich"})
"""The modules that the extra ``load`` brings."""

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code; what a user got wrong ends in one sentence, exit 2."""
    try:
        code = _run()
    except ModuleNotFoundError as error:
        if error.name not in OF_THE_EXTRA:
            raise
        sys.stderr.write(f"fastphx: the command line needs {error.name}: pip install fastphx[load]\n")
        code = EXIT_USAGE
    except KeyboardInterrupt:
        # Before click is there to take it.
        code = EXIT_INTERRUPTED
    sys.exit(code)


def _run() -> int:
    import click

    from fastphx.cli import main as group

    try:
        code = group.main(prog_name="fastphx", standalone_mode=False)
    except click.ClickException as error:
        sentence = " ".join(error.format_message().split())
        sys.stderr.write(f"fastphx: {sentence}\n")
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
