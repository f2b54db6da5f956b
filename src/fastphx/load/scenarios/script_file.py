"""A Python file of the user's, as a module like any other."""

from __future__ import annotations

import itertools
import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

MAX_NEIGHBOURS = 1000

_loaded: dict[tuple[str, int, int], ModuleType] = {}


def load_module(path: str) -> ModuleType:
    """The module of a Python file, run once as long as the file does not change. Raises PlanError.

    It is in ``sys.modules``, under a name of its own, and imports what lies beside it, where the library and
    what is installed have no such name (:func:`shadowed_names`).
    """
    file = Path(path)
    try:
        status = os.stat(file)
        key = (str(file.absolute()), status.st_mtime_ns, status.st_size)
        if key not in _loaded:
            _loaded[key] = _run(file, file.read_bytes())
    except OSError as error:
        raise PlanError(f"the scenario {clip(path)} cannot be read ({error.strerror})") from None
    return _loaded[key]


def _run(file: Path, source: bytes) -> ModuleType:
    module = ModuleType(f"fastphx_script_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    folder = str(file.absolute().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None)
        if line is None and error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            line = error.__traceback__.tb_next.tb_lineno
        where = f" at line {line}" if line else ""
        raise PlanError(
            f"the scenario {clip(str(file))} fails{where} ({type(error).__name__}: {clip(str(error))})"
        ) from None
    return module


def shadowed_names(path: str) -> list[str]:
    """The modules beside a script that it cannot import, since the library, or what is installed, has their
    name; of the first MAX_NEIGHBOURS of its folder."""
    script = Path(path).absolute()
    neighbours = (each for each in script.parent.glob("*.py") if each.name != script.name)
    # An empty entry is the current folder.
    elsewhere = [each for each in sys.path if os.path.abspath(each) != str(script.parent)]
    return [
        each.stem
        for each in sorted(itertools.islice(neighbours, MAX_NEIGHBOURS))
        if each.stem in sys.builtin_module_names or PathFinder.find_spec(each.stem, elsewhere) is not None
    ]
