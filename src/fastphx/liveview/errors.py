"""What can go wrong with a view. Each is a :class:`~fastphx.errors.FastphxError`."""

from __future__ import annotations

from fastphx.errors import FastphxError


class ViewError(FastphxError):
    """The base of all errors of one LiveView page. Other views of the browser go on."""


class TreeError(ViewError, ValueError):
    """A rendered tree, or a diff of one, is not what LiveView sends. The view's tree is as it was before."""


class ViewClosedError(ViewError):
    """The view is over: its browser went to another page, or was closed."""


class ViewCrashedError(ViewError):
    """The server's process of the view crashed, or its join failed, while an answer was waited for."""


class ElementError(ViewError):
    """An element is not on the page, is disabled, or has no binding for what was asked."""


class PageError(ViewError):
    """A document could not be had over HTTP."""


class ViewTimeoutError(ViewError, TimeoutError):
    """The server has not answered, or what an action has started was not over, in time."""


class ViewDisconnectedError(ViewError, ConnectionError):
    """The connection was lost while an answer was waited for. Nobody knows whether the server has done it."""


class UploadError(ViewError):
    """A file was refused, or cannot be sent."""
