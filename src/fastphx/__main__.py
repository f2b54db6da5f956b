"""``python -m fastphx`` and the ``fastphx`` command."""

from __future__ import annotations

import sys

# Nothing else is imported here: what is interrupted before main() runs ends in Python's own traceback.

OF_THE_EXTRA = frozenset({"click", "fastjsonschema", "hdrh", "rich"})
"""The modules that the extra ``load`` brings."""

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its code; what a user got wrong ends in one sentence, exit 2."""
    try:
        _interrupt_on_hang_up_and_termination()
        code = _run()
    except ModuleNotFoundError as error:
        if error.name not in OF_THE_EXTRA:
            raise
        _say(f"the command line needs {error.name}: pip install fastphx[load]")
        code = EXIT_USAGE
    except KeyboardInterrupt:
        _leave()
    import gc

    # What is alive now ends with the process. The collector would look at all of it, again and again: a sixth
    # to a third of the time of a short command.
    gc.freeze()
    sys.exit(code)


def _run() -> int:
    import errno
    import os

    import click

    from fastphx.cli import main as group
    from fastphx.cli.streams import use_lasting_streams
    from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible

    use_lasting_streams()
    try:
        code = group.main(prog_name="fastphx", standalone_mode=False)
    except click.ClickException as error:
        _say(visible(" ".join(error.format_message().split()), MAX_SENTENCE_CHARS))
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN):
            raise
        # Not even a loop could be made, or what a command cannot do without.
        _say(f"this machine has run out: {os.strerror(error.errno).lower()}")
        return EXIT_USAGE
    return code if isinstance(code, int) else 0


def _leave() -> None:
    """End the process with exit code 130. If a compiled module was interrupted while it was imported, Python
    may crash when it ends in the usual way, or end as if nobody had caught the interrupt."""
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Closed, or full: the exit code says it.
            pass
    os._exit(EXIT_INTERRUPTED)


def _say(sentence: str) -> None:
    try:  # noqa: SIM105 - contextlib is not imported here
        sys.stderr.write(f"fastphx: {sentence}\n")
    except OSError:
        # Closed, or full: the exit code says it.
        pass


def _interrupt_on_hang_up_and_termination() -> None:
    """SIGHUP and SIGTERM end a command as Ctrl-C does, unless it was started to ignore them (``nohup``)."""
    import signal

    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> None:
    import signal

    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As in a shell's background job.
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
