"""Refuse every version of picows except the one that the compiled modules were built for.

They use picows' C structures. On import, Cython checks the sizes of these, but not the order of their
methods, so another version would crash instead of raising an error.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

PICOWS_VERSION = "2.3.1"


def check() -> None:
    """Raise ``ImportError`` if picows is missing, or its version is not :data:`PICOWS_VERSION`."""
    if not _is_installed_beside_its_metadata() and (found := _installed_version()) != PICOWS_VERSION:
        raise ImportError(
            f"fastphx was compiled for picows {PICOWS_VERSION} and found {found}: "
            f"run `pip install picows=={PICOWS_VERSION}`",
            name="picows",
        )


def _is_installed_beside_its_metadata() -> bool:
    """The version that the installer wrote down. importlib.metadata would cost every process 2 MiB."""
    spec = find_spec("picows")
    if spec is None or spec.origin is None:
        return False
    site = os.path.dirname(os.path.dirname(spec.origin))
    return os.path.isdir(os.path.join(site, f"picows-{PICOWS_VERSION}.dist-info"))


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("picows")
    except PackageNotFoundError:
        return "none"
