"""Refuse any picows but the one that the compiled modules were built for.

They use picows' C structures. Cython checks their sizes when it imports them but not the order of their
methods, so another version would crash rather than complain.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

PICOWS_VERSION = "2.3.1"


def check() -> None:
    """Raise ``ImportError`` where picows is missing or of another version than :data:`PICOWS_VERSION`."""
    try:
        found = version("picows")
    except PackageNotFoundError:
        found = "none"
    if found != PICOWS_VERSION:
        raise ImportError(
            f"fastphx was compiled for picows {PICOWS_VERSION} and found {found}: "
            f"run `pip install picows=={PICOWS_VERSION}`",
            name="picows",
        )
