"""What a shell completes, asked of the shells that are here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fastphx.cli import COMMANDS
from tests.cli.command import COMMAND, TIMEOUT_S, run, sentence


def completed(*words: str) -> list[str]:
    """What bash is told for a line of these words, the last of which is being written."""
    ended = run(_FASTPHX_COMPLETE="bash_complete", COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1))
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_commands_options_and_files_are_completed() -> None:
    assert completed("fastphx", "lo") == ["plain,load"]
    assert completed("fastphx", "") == [f"plain,{name}" for name in COMMANDS]
    assert completed("fastphx", "load", "--find") == ["plain,--find-limit"]
    assert completed("fastphx", "load", "plan") == ["file,plan"]
    assert completed("fastphx", "completion", "") == ["plain,bash", "plain,zsh", "plain,fish"]
    assert "plain,--version" in completed("fastphx", "--")


def test_commands_are_completed_without_importing_them(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise RuntimeError('imported')\n")
    ended = run(
        _FASTPHX_COMPLETE="bash_complete", COMP_WORDS="fastphx c", COMP_CWORD="1", PYTHONPATH=str(tmp_path)
    )
    assert (ended.stdout, ended.stderr) == ("plain,compare\nplain,completion\n", "")


ASKS = {
    "bash": "COMP_WORDS=(fastphx comple); COMP_CWORD=1; _fastphx_completion fastphx; echo ${COMPREPLY[@]}",
    # What asks zsh outside of its line editor finds no completion system: that it can be loaded is all.
    "zsh": "whence -w _fastphx_completion",
    "fish": "complete --do-complete 'fastphx comple'",
}
ANSWERS = {"bash": "completion", "zsh": "_fastphx_completion: function", "fish": "completion\t"}


@pytest.mark.parametrize("shell", ASKS)
def test_a_shell_takes_its_script(shell: str, tmp_path: Path) -> None:
    code, script, err = sentence("completion", shell)
    assert (code, err) == (0, "")
    assert "_FASTPHX_COMPLETE" in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    program = tmp_path / "fastphx"
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    file = tmp_path / "script"
    loaded = "autoload -U compinit; compinit -u -D; " if shell == "zsh" else ""
    file.write_text(f"{loaded}\n{script}\n{ASKS[shell]}\n")
    ended = subprocess.run(
        [shell, str(file)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
    )
    assert ended.stdout.startswith(ANSWERS[shell]), ended.stderr


def test_another_shell_is_refused_with_those_that_are_known() -> None:
    code, out, err = sentence("completion", "csh")
    assert (code, out) == (2, "")
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in err
