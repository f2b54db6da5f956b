"""LiveView: a client for LiveView pages without a browser."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastphx.liveview.browser import Browser, browse
    from fastphx.liveview.document import Document, Element
    from fastphx.liveview.errors import (
        ElementError,
        PageError,
        TreeError,
        UploadError,
        ViewClosedError,
        ViewCrashedError,
        ViewDisconnectedError,
        ViewError,
        ViewTimeoutError,
    )
    from fastphx.liveview.uploads import File
    from fastphx.liveview.view import View

__all__ = [
    "Browser",
    "Document",
    "Element",
    "ElementError",
    "File",
    "PageError",
    "TreeError",
    "UploadError",
    "View",
    "ViewClosedError",
    "ViewCrashedError",
    "ViewDisconnectedError",
    "ViewError",
    "ViewTimeoutError",
    "browse",
]

_HOME_OF = {
    "Browser": "browser",
    "Document": "document",
    "Element": "document",
    "ElementError": "errors",
    "File": "uploads",
    "PageError": "errors",
    "TreeError": "errors",
    "UploadError": "errors",
    "View": "view",
    "ViewClosedError": "errors",
    "ViewCrashedError": "errors",
    "ViewDisconnectedError": "errors",
    "ViewError": "errors",
    "ViewTimeoutError": "errors",
    "browse": "browser",
}


def __getattr__(name: str) -> Any:
    """Import what *name* stands for (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as error:
        if error.name not in ("aiohttp", "selectolax", "yarl"):
            raise
        raise ModuleNotFoundError(
            f"LiveView pages need {error.name}: pip install fastphx[liveview]", name=error.name
        ) from None
    value = globals()[name] = getattr(module, name)
    return value
