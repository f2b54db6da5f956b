"""Every public name says what it is."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import fastphx
from tests.house.checkout import PACKAGE

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(fastphx.__path__, "fastphx.")
    if not (PACKAGE.parent / module.name.replace(".", "/")).with_suffix(".pyx").exists()
    and not module.name.endswith("__main__")
)


def described(value: object) -> bool:
    """Whether *value* has a docstring of its own, in the code or in the stub of a compiled module."""
    if isinstance(value, type) and value.__doc__ and value.__doc__ != super(value, value).__doc__:
        return True
    if not isinstance(value, type) and inspect.getdoc(value):
        return True
    module = inspect.getmodule(value)
    stub = PACKAGE.parent / f"{(module.__name__ if module else '').replace('.', '/')}.pyi"
    if not stub.is_file():
        return False
    return any(
        ast.get_docstring(node)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == getattr(value, "__name__", None)
    )


def test_the_public_names_are_there_and_say_what_they_are() -> None:
    assert len(fastphx.__all__) == len(set(fastphx.__all__))
    for name in fastphx.__all__:
        value = getattr(fastphx, name)
        if callable(value):
            assert described(value), f"fastphx.{name} has no docstring"


def test_the_packages_beside_the_client_need_no_import_of_their_own() -> None:
    program = (
        "import fastphx; fastphx.liveview.browse, fastphx.load.User, fastphx.testing.TestLive; "
        "assert not hasattr(fastphx, 'nothing')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is(name: str) -> None:
    if name.startswith("fastphx.load.locust") and "locust" not in sys.modules:
        pytest.skip("locust patches the process when it is imported")
    module = importlib.import_module(name)
    if module.__file__ and PACKAGE.joinpath(module.__file__).stat().st_size:
        assert module.__doc__, f"{name} does not say what it is"
