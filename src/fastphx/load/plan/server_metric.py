"""The name of a metric of the server's page: ``vm_memory_total``, ``http_requests_total{method="GET"}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

_LABEL = r'[A-Za-z_]\w*="(?:[^"\\\n]|\\.)*"'
_NAME = re.compile(
    rf"\s*([A-Za-z_:][\w:]*)\s*(?:\{{\s*({_LABEL}(?:\s*,\s*{_LABEL})*)\s*,?\s*\}})?\s*", re.ASCII
)
_EACH_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\\n]|\\.)*)"', re.ASCII)
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


@dataclass(frozen=True, slots=True)
class ServerMetric:
    """A metric, and the labels that its series must have."""

    text: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises PlanError where it is no such name."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise PlanError(
                f"{clip(text)} is no metric's name: write it like vm_memory_total or "
                'requests_total{node="a"}'
            )
        labels = tuple(
            (name, re.sub(r'\\[\\"n]', lambda escape: _ESCAPES[escape[0]], value))
            for name, value in _EACH_LABEL.findall(match[2] or "")
        )
        return cls(text.strip(), match[1], labels)
