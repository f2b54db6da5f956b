"""How a command starts: what it needs, and what interrupts it before it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import TIMEOUT_S, run


def put_in_the_way(folder: Path, module: str, statement: str) -> str:
    """A PYTHONPATH on which *statement* is run when *module* is imported."""
    (folder / f"{module}.py").write_text(f"{statement}\n")
    return str(folder)


def without(folder: Path, module: str) -> str:
    """A PYTHONPATH on which there is no *module*."""
    finder = f"""
import sys
class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == {module!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name={module!r})
sys.meta_path.insert(0, Missing)
"""
    return put_in_the_way(folder, "sitecustomize", finder)


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("click", ("serve",)),
        ("rich", ("load",)),
        ("rich", ("compare",)),
        ("hdrh", ("load", "--quiet", "--json", "report")),
        ("hdrh", ("load", "--quiet", "--hgrm", "report")),
        ("hdrh", ("load", "--quiet", "--html", "report")),
    ],
)
def test_without_a_module_it_says_what_to_install(
    module: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    ended = run(*command, PYTHONPATH=without(tmp_path, module))
    assert ended.returncode == 2
    assert ended.stderr == f"fastphx: the command line needs {module}: pip install fastphx[load]\n"


@pytest.mark.parametrize("module", ["gevent", "locust"])
def test_without_locust_its_user_says_what_to_install(module: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from fastphx.load.locust import PhoenixUser"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={"PYTHONPATH": without(tmp_path, module)},
    )
    assert ended.stderr.splitlines()[-1].endswith("needs locust: pip install fastphx[locust]")


@pytest.mark.parametrize("module", ["signal", "click", "rich"])
def test_an_interrupt_while_it_imports_is_no_traceback(module: str, tmp_path: Path) -> None:
    ended = run("compare", PYTHONPATH=put_in_the_way(tmp_path, module, "raise KeyboardInterrupt"))
    assert ended.returncode == 130
    assert ended.stderr.strip() == ""


def test_an_interrupted_import_ends_the_process_before_python_tidies_up(tmp_path: Path) -> None:
    # Half of a compiled module may be there, and crash.
    crash = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGKILL)"
    text = f"{crash}\nraise KeyboardInterrupt"
    ended = run("compare", PYTHONPATH=put_in_the_way(tmp_path, "rich", text))
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "")
