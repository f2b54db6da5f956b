"""Draw docs/rooms.svg: the rooms of fastphx and the rooms inside them, with arrows to what they import.

What an import leads to by another way has no arrow of its own. `python -m ci.rooms` writes the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ci.imports import PACKAGE, import_graph

PICTURE = Path(__file__).parents[1] / "docs" / "rooms.svg"

Graph = Mapping[str, set[str]]

LETTER = 7.3
"""Width of a letter of the monospaced font, at 12 pixels."""

ROW = 30
PADDING = 14
GAP_X = 22
GAP_Y = 34
MARGIN = 16
ARC = 15


HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img"
viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<title>The rooms of fastphx: an arrow leads to what is imported</title>
<style>
text {{ font: 12px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: #1f2328 }}
.room {{ fill: #eef2f8; stroke: #4a5a78 }}
.inner {{ fill: #fff; stroke: #8593ab }}
.arrow {{ fill: none; stroke: #4a5a78 }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0L8 4L0 8z" fill="#4a5a78"/></marker></defs>
<rect fill="#fff" width="{width}" height="{height}"/>"""


@dataclass
class Room:
    """One box: its name, and the boxes inside it from left to right with the arrows between them."""

    name: str
    inside: list[Room] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0

    @property
    def width(self) -> float:
        inner = sum(room.width + GAP_X for room in self.inside) - GAP_X
        return max(len(self.name) * LETTER, inner if self.inside else 0) + 2 * PADDING

    @property
    def arcs(self) -> float:
        """How high the highest arrow inside goes."""
        return max((ARC * min(end - start, 3) for end, start in self.arrows if end - start > 1), default=0.0)

    @property
    def height(self) -> float:
        if not self.inside:
            return ROW
        return ROW + self.arcs + max(room.height for room in self.inside) + PADDING

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    def put(self, x: float, y: float) -> None:
        self.x, self.y = x, y
        left = x + PADDING
        for room in self.inside:
            room.put(left, y + ROW + self.arcs)
            left += room.width + GAP_X


def contracted(graph: Graph, folder: tuple[str, ...], rooms: Iterable[str]) -> dict[str, set[str]]:
    """Which of *rooms*, folders or files of *folder*, import which others."""
    depth = len(folder)
    found: dict[str, set[str]] = {room: set() for room in rooms}

    def place(module: str) -> str | None:
        words = tuple(module.split("."))
        inside = words[:depth] == folder and len(words) > depth
        return words[depth] if inside and words[depth] in found else None

    for module, asked in graph.items():
        own = place(module)
        if own is not None:
            found[own] |= {other for other in map(place, asked) if other is not None} - {own}
    return found


def ranks(graph: Graph) -> dict[str, int]:
    """The most imports, one after another, that lead down from each node. Raises ValueError in a circle."""
    found: dict[str, int] = {}
    while len(found) < len(graph):
        ready = [node for node in graph if node not in found and graph[node] <= found.keys()]
        if not ready:
            raise ValueError(f"imports go round: {sorted(graph.keys() - found.keys())}")
        found |= {node: 1 + max((found[asked] for asked in graph[node]), default=-1) for node in ready}
    return found


def reduced(graph: Graph) -> dict[str, set[str]]:
    """*graph* without the arrows that a longer way makes for."""
    below: dict[str, set[str]] = {}
    for node in sorted(graph, key=ranks(graph).__getitem__):
        below[node] = graph[node].union(*(below[asked] for asked in graph[node]))
    return {
        node: {end for end in asked if not any(end in below[other] for other in asked)}
        for node, asked in graph.items()
    }


def room(graph: Graph, folder: tuple[str, ...], path: Path) -> Room:
    """The box of the package or module *folder*, with the packages in it in the order of their imports."""
    names = [inner.parent.name for inner in path.glob("*/__init__.py")]
    among = contracted(graph, folder, names)
    rank = ranks(among)
    order = sorted(names, key=lambda name: (rank[name], name))
    arrows = [(order.index(name), order.index(asked)) for name, to in reduced(among).items() for asked in to]
    inside = [room(graph, (*folder, name), path / name) for name in order]
    return Room(folder[-1], inside, sorted(arrows))


def drawing(graph: Graph) -> str:
    """The picture, as SVG."""
    names = {module.split(".")[1] for module in graph} - {"__init__", "__main__"}
    among = contracted(graph, ("fastphx",), names)
    rank = ranks(among)
    boxes = {name: room(graph, ("fastphx", name), PACKAGE / name) for name in names}
    lanes = [(high, low) for high, to in sorted(reduced(among).items()) for low in sorted(to)]
    aside = [(high, low) for high, low in lanes if rank[high] - rank[low] > 1]
    # An arrow past a row goes around on the right, so who it leads to stands there.
    order = sorted(names, key=lambda name: (any(name == low for _, low in aside), name))
    rows = [[name for name in order if rank[name] == number] for number in range(max(rank.values()) + 1)]
    widths = [sum(boxes[name].width + GAP_X for name in row) - GAP_X for row in rows]
    middle = MARGIN + max(widths) / 2
    y = float(MARGIN)
    for row, width in reversed(list(zip(rows, widths, strict=True))):
        x = middle - width / 2
        for name in row:
            boxes[name].put(x, y)
            x += boxes[name].width + GAP_X
        y += max(boxes[name].height for name in row) + GAP_Y
    lines = [line for name in sorted(names) for line in box(boxes[name], "room")]
    right = middle + max(widths) / 2
    for high, low in lanes:
        if (high, low) in aside:
            right += ARC
            lines.append(around(boxes[high], boxes[low], right))
        else:
            lines.append(down(boxes[high], boxes[low]))
    return page(lines, right + MARGIN, y - GAP_Y + MARGIN)


def box(drawn: Room, kind: str) -> list[str]:
    place = f'x="{drawn.x:.1f}" y="{drawn.y:.1f}" width="{drawn.width:.1f}" height="{drawn.height:.1f}"'
    lines = [
        f'<rect class="{kind}" {place} rx="6"/>',
        f'<text x="{drawn.middle:.1f}" y="{drawn.y + 19:.1f}">{drawn.name}</text>',
    ]
    for inner in drawn.inside:
        lines += box(inner, "inner")
    lines += [along(drawn.inside[end], drawn.inside[start], end - start) for end, start in drawn.arrows]
    return lines


def along(end: Room, start: Room, steps: int) -> str:
    """An arrow between two boxes of a row: straight to the next one, in an arc to one farther off."""
    if steps == 1:
        y = end.y + ROW / 2
        return arrow(f"M{end.x:.1f} {y:.1f}H{start.x + start.width + 1:.1f}")
    left, right, top = start.middle + 6, end.middle - 6, end.y
    bend = f"{right:.1f} {top - ARC * min(steps, 3):.1f} {left:.1f} {top - ARC * min(steps, 3):.1f}"
    return arrow(f"M{right:.1f} {top:.1f}C{bend} {left:.1f} {top - 1:.1f}")


def down(high: Room, low: Room) -> str:
    top, bottom = high.y + high.height, low.y
    x = min(max(low.middle, high.x + PADDING), high.x + high.width - PADDING)
    half = (top + bottom) / 2
    return arrow(
        f"M{x:.1f} {top:.1f}C{x:.1f} {half:.1f} {low.middle:.1f} {half:.1f} {low.middle:.1f} {bottom - 1:.1f}"
    )


def around(high: Room, low: Room, lane: float) -> str:
    top, bottom = high.y + high.height / 2, low.y + low.height / 2
    return arrow(
        f"M{high.x + high.width:.1f} {top:.1f}H{lane - 8:.1f}Q{lane:.1f} {top:.1f} {lane:.1f} {top + 8:.1f}"
        f"V{bottom - 8:.1f}Q{lane:.1f} {bottom:.1f} {lane - 8:.1f} {bottom:.1f}H{low.x + low.width + 1:.1f}"
    )


def arrow(way: str) -> str:
    return f'<path class="arrow" marker-end="url(#tip)" d="{way}"/>'


def page(lines: list[str], width: float, height: float) -> str:
    return "\n".join((HEAD.format(width=round(width), height=round(height)), *lines, "</svg>", ""))


if __name__ == "__main__":
    PICTURE.write_text(drawing(import_graph()), encoding="utf-8")
