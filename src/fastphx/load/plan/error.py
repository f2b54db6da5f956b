"""What is wrong with a plan."""

from __future__ import annotations

from fastphx.errors import FastphxError


class PlanError(FastphxError, ValueError):
    """A plan, or a flag that became part of one, is not valid; the message is one sentence."""
