"""What is wrong with a result that was kept."""

from __future__ import annotations

from fastphx.errors import FastphxError


class ResultError(FastphxError, ValueError):
    """A kept result cannot be read, or something cannot be made of it; the message is one sentence."""
