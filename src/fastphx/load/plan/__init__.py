"""What a load run does: pure data, and what its texts, rates and rows mean."""

from __future__ import annotations

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan

__all__ = ["Plan", "PlanError"]
