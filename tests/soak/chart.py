"""The soak's picture: what each process holds, over the run, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

STYLE = (
    "<style>text{font:13px sans-serif;fill:#777}.title{font-size:15px}.line{fill:none;stroke-width:1.5}"
    "path{fill:none;stroke:#999}</style>"
)
COLOURS = ("#d9480f", "#1971c2", "#2f9e44", "#862e9c", "#c2255c", "#66a80f")
LEFT, TOP, WIDTH, HEIGHT = 64, 40, 620, 260
MIB = 1024


def memory_chart(series: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines of memory, given in KiB, over seconds; both scales begin at 0."""
    end_s = max(rows[-1][0] for rows in series.values())
    most = max(value for rows in series.values() for _, value in rows) * 1.1
    parts = [
        f'<text class="title" x="8" y="20">Memory of each process, MiB, over {end_s / 60:.0f} minutes</text>',
        f'<path d="M{LEFT},{TOP}V{TOP + HEIGHT}H{LEFT + WIDTH}"/>',
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{TOP + HEIGHT * (1 - part) + 4:.0f}" text-anchor="end">'
        f"{most * part / MIB:.0f}</text>"
        f'<text x="{LEFT + WIDTH * part:.0f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">'
        f"{end_s * part / 60:.0f}</text>"
        for part in (0, 0.5, 1)
    ]
    for number, (name, rows) in enumerate(series.items()):
        points = " ".join(
            f"{LEFT + at_s / end_s * WIDTH:.1f},{TOP + HEIGHT * (1 - value / most):.1f}"
            for at_s, value in rows
        )
        colour = COLOURS[number % len(COLOURS)]
        y = TOP + 14 + 18 * number
        parts.append(
            f'<polyline class="line" points="{points}" stroke="{colour}"/>'
            f'<text x="{LEFT + WIDTH + 16}" y="{y}" style="fill:{colour}">{escape(name)}</text>'
        )
    size = f'viewBox="0 0 {LEFT + WIDTH + 170} {TOP + HEIGHT + 30}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{STYLE}{"".join(parts)}</svg>\n'
