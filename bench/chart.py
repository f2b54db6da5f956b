"""Charts as SVG, with nothing but text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

STYLE = "<style>text{font:13px sans-serif;fill:#555}.title{font-size:15px}</style>"
COLOURS = ("#d9480f", "#1971c2", "#2f9e44", "#862e9c")


def bars(title: str, values: Mapping[str, float]) -> str:
    """Horizontal bars; the scale begins at 0."""
    height, left, width = 26, 340, 360
    most = max(values.values(), default=1.0)
    parts = [f'<text class="title" x="8" y="20">{escape(title)}</text>']
    for index, (name, value) in enumerate(values.items()):
        y = 34 + index * height
        parts.append(
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y + 2}" width="{value / most * width:.0f}" height="18" '
            f'fill="{COLOURS[0]}"/>'
            f'<text x="{left + value / most * width + 6:.0f}" y="{y + 15}">{value:.2g}</text>'
        )
    return svg(left + width + 60, 44 + len(values) * height, parts)


def lines(title: str, x_name: str, y_name: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over a logarithmic x; y begins at 0."""
    width, height, left, top = 560, 260, 70, 40
    xs = [x for points in series.values() for x, _ in points]
    most = max(y for points in series.values() for _, y in points) * 1.1
    low, high = math.log10(min(xs)), math.log10(max(xs))

    def place(x: float, y: float) -> str:
        return (
            f"{left + (math.log10(x) - low) / (high - low) * width:.1f},{top + height * (1 - y / most):.1f}"
        )

    parts = [
        f'<text class="title" x="8" y="20">{escape(title)}</text>',
        f'<path d="M{left},{top}V{top + height}H{left + width}" fill="none" stroke="#999"/>',
        f'<text x="{left}" y="{top + height + 40}">{escape(x_name)}</text>',
        f'<text x="{left}" y="{top - 6}">{escape(y_name)}</text>',
    ]
    for x in sorted(set(xs)):
        at = place(x, 0).split(",")[0]
        parts.append(f'<text x="{at}" y="{top + height + 18}" text-anchor="middle">{x:,.0f}</text>')
    for y in (0, most / 2, most):
        at = place(min(xs), y).split(",")[1]
        parts.append(f'<text x="{left - 6}" y="{at}" text-anchor="end">{y:,.3g}</text>')
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        path = " ".join(place(x, y) for x, y in points)
        end_y = float(place(*points[-1]).split(",")[1])
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{left + width + 6}" y="{end_y:.0f}">{escape(name)}</text>'
        )
    return svg(left + width + 130, top + height + 52, parts)


def svg(width: float, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}">\n{STYLE}\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )
