"""A LiveView server of random trees, which changes them at random and says what changed as a real one does.

Its pages are made of few templates, so that a cell often keeps its template, gets another, or loses it.
"""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

Diff = dict[str, Any]
TEXTS = ("", "a", "é", "日本", "<b>b</b>", "x" * 40, "🎈")
MAX_DEPTH = 4


@dataclass
class Template:
    """A template and its cells."""

    statics: tuple[str, ...]
    cells: list[Cell]


@dataclass
class Component:
    """Where a component is."""

    cid: int


@dataclass
class Rows:
    """A comprehension: rows of cells by their keys."""

    statics: tuple[str, ...]
    rows: dict[int, list[Cell]]


@dataclass
class Stream:
    """A stream: what the page should show, and what was done since the last message."""

    ref: str
    rows: dict[str, list[Cell]]
    inserts: list[tuple[str, int, int | None, list[Cell]]] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    reset: bool = False


Cell = str | Template | Component | Rows | Stream
STREAM_STATICS = ('<li id="', '">', "</li>")


@dataclass
class Style:
    """What a version of LiveView sends: rows as ``d`` or ``k``, moves marked by ``km`` or not, statics shared
    in ``p``, and the inserts of streams with the last one first."""

    keyed: bool = True
    marked: bool = True
    shared: bool = True
    last_first: bool = True


class RandomServer:
    def __init__(self, seed: int, style: Style) -> None:
        self.random = random.Random(seed)
        self.style = style
        self.components: dict[int, Template] = {}
        self.sent: dict[int, Template] = {}
        self.streams = 0
        self.keys = 0
        self.next_cid = 1
        self.root = self.template(0)
        self.before: Template | None = None
        self.templates: dict[tuple[str, ...], int] = {}

    # What the page is, and how it changes.

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def template(self, depth: int) -> Template:
        kind = self.random.randrange(3)
        slots = self.random.randrange(1, 4) if depth else 4
        statics = ("<p>", *(f"{kind}-" for _ in range(slots - 1)), "</p>")
        return Template(statics, [self.cell(depth + 1) for _ in range(slots)])

    def cell(self, depth: int) -> Cell:
        chosen = self.random.random()
        if depth >= MAX_DEPTH or chosen < 0.4:
            return self.text()
        if chosen < 0.6:
            return self.template(depth)
        if chosen < 0.8:
            rows = Rows(("<i>", "-", "</i>"), {})
            for _ in range(self.random.randrange(4)):
                self.add_row(rows, depth)
            return rows
        if chosen < 0.9:
            cid = self.next_cid
            self.next_cid += 1
            inner = self.template(depth + 1)
            self.components[cid] = Template(
                ("<div>" + inner.statics[0], *inner.statics[1:-1], "</p></div>"), inner.cells
            )
            return Component(cid)
        self.streams += 1
        stream = Stream(str(self.streams), {})
        self.change_stream(stream)
        return stream

    def add_row(self, rows: Rows, depth: int) -> None:
        self.keys += 1
        rows.rows[self.keys] = [self.cell(depth + 1), self.text()]

    def change(self, cell: Cell, depth: int, parents: frozenset[int] = frozenset()) -> Cell:
        """*cell* as it is next."""
        if self.random.random() < 0.1:
            return self.cell(depth)
        if isinstance(cell, str):
            return self.text() if self.random.random() < 0.3 else cell
        if isinstance(cell, Template):
            cell.cells = [self.change(one, depth + 1) for one in cell.cells]
        elif isinstance(cell, Component):
            inner = self.components[cell.cid]
            inner.cells = [self.change(one, depth + 2) for one in inner.cells]
        elif isinstance(cell, Rows):
            self.change_rows(cell, depth)
        elif self.random.random() < 0.5:
            self.change_stream(cell)
        return cell

    def change_rows(self, rows: Rows, depth: int) -> None:
        for key, cells in rows.rows.items():
            if self.random.random() < 0.5:
                rows.rows[key] = [self.change(one, depth + 1) for one in cells]
        for key in list(rows.rows):
            if self.random.random() < 0.15:
                del rows.rows[key]
        if self.random.random() < 0.4:
            self.add_row(rows, depth)
        if self.random.random() < 0.4:
            keys = list(rows.rows)
            self.random.shuffle(keys)
            rows.rows = {key: rows.rows[key] for key in keys}

    def change_stream(self, stream: Stream) -> None:
        """Some of what ``stream``, ``stream_insert`` and ``stream_delete`` do, and what is shown then."""
        if self.random.random() < 0.2:
            stream.reset = True
            stream.rows.clear()
        for row_id in self.random.sample(list(stream.rows), min(len(stream.rows), self.random.randrange(2))):
            stream.deletes.append(row_id)
            del stream.rows[row_id]
        for _ in range(self.random.randrange(4)):
            row_id = f"s{stream.ref}-{self.random.randrange(6)}"
            if any(row_id == insert[0] for insert in stream.inserts):
                continue
            cells: list[Cell] = [row_id, self.text()]
            at, limit = self.random.choice((-1, -1, 0, 2)), self.random.choice((None, None, 3, -3))
            stream.inserts.append((row_id, at, limit, cells))
            if row_id in stream.rows:
                stream.rows[row_id] = cells
                continue
            items = list(stream.rows.items())
            items.insert(len(items) if at < 0 else at, (row_id, cells))
            stream.rows = dict(items[:limit] if limit is None or limit > 0 else items[limit:])

    def step(self) -> None:
        """Change the page."""
        self.root.cells = [self.change(one, 1) for one in self.root.cells]

    # What it says.

    def message(self) -> Diff:
        """The join's answer, or the diff since the last message."""
        self.templates = {}
        old, self.before = self.before, None
        reached: set[int] = set()
        told = self.whole(self.root) if old is None else self.difference(old, self.root)
        message: Diff = told if isinstance(told, dict) else {}
        changed = self.changed_components(reached)
        if changed:
            message["c"] = changed
        self.before = deepcopy(self.root)
        self.sent = deepcopy(self.components)
        self.forget(self.root)
        for component in self.components.values():
            self.forget(component)
        return message

    def changed_components(self, reached: set[int]) -> Diff:
        changed: Diff = {}
        outer, inline = self.templates, not self.style.shared
        full: list[int] = []
        for cid in sorted(self.components):
            self.templates = {}
            component, old = self.components[cid], self.sent.get(cid)
            if old is not None:
                told = self.difference(old, component)
                if told == {}:
                    continue
            else:
                told = self.shared_component(component, full) if self.random.random() < 0.7 else None
                if told is None:
                    told = self.whole(component, inline=True)
                    full.append(cid)
            if self.templates and not inline:
                told["p"] = {str(at): list(statics) for statics, at in self.templates.items()}
            changed[str(cid)] = told
        self.templates = outer
        items = list(changed.items())
        self.random.shuffle(items)
        return dict(items)

    def shared_component(self, component: Template, full: list[int]) -> Diff | None:
        """A new component by the statics of one before it in the message, or of one that was known."""
        for cid in full:
            if self.components[cid].statics == component.statics:
                return {"s": cid, **self.all_cells(self.components[cid], component)}
        for cid, known in self.sent.items():
            if known.statics == component.statics:
                return {"s": -cid, **self.all_cells(known, component)}
        return None

    def all_cells(self, like: Template, new: Template) -> Diff:
        """All cells of *new*, without the statics that *like* has in the same place."""
        told: Diff = {}
        for at, (one, other) in enumerate(zip(like.cells, new.cells, strict=True)):
            if isinstance(one, Template) and isinstance(other, Template) and one.statics == other.statics:
                told[str(at)] = self.all_cells(one, other)
            else:
                told[str(at)] = self.whole(other)
        return told

    def statics(self, statics: tuple[str, ...], inline: bool = False) -> int | list[str]:
        if inline or not self.style.shared:
            return list(statics)
        return self.templates.setdefault(statics, len(self.templates))

    def with_templates(self, told: Diff, top: bool) -> Diff:
        if top and self.templates:
            told["p"] = {str(at): list(statics) for statics, at in self.templates.items()}
        return told

    def whole(self, cell: Cell, inline: bool = False) -> Any:
        if isinstance(cell, str):
            return cell
        if isinstance(cell, Component):
            return cell.cid
        if isinstance(cell, Template):
            told = {str(at): self.whole(one) for at, one in enumerate(cell.cells)}
            told["s"] = self.statics(cell.statics, inline)
            return self.with_templates(told, cell is self.root)
        if isinstance(cell, Stream):
            return {**self.stream(cell), "s": self.statics(STREAM_STATICS)}
        return {**self.rows([*cell.rows.values()]), "s": self.statics(cell.statics)}

    def rows(self, rows: list[list[Cell]]) -> Diff:
        whole = [[self.whole(one) for one in cells] for cells in rows]
        if not self.style.keyed:
            return {"d": whole}
        keyed: Diff = {str(at): {str(n): one for n, one in enumerate(row)} for at, row in enumerate(whole)}
        return {"k": {**keyed, "kc": len(whole)}}

    def stream(self, stream: Stream) -> Diff:
        inserts = [[row_id, at, limit] for row_id, at, limit, _ in stream.inserts]
        if self.style.last_first:
            inserts.reverse()
        told = self.rows([cells for *_, cells in stream.inserts])
        return {**told, "stream": [stream.ref, inserts, stream.deletes[:], *([True] if stream.reset else [])]}

    def difference(self, old: Cell, new: Cell) -> Any:
        """What *new* is other than *old*: {} where it is the same."""
        if isinstance(old, Template) and isinstance(new, Template) and old.statics == new.statics:
            told: Diff = {}
            for at, (one, other) in enumerate(zip(old.cells, new.cells, strict=True)):
                part = self.difference(one, other)
                if part != {}:
                    told[str(at)] = part
            return self.with_templates(told, new is self.root)
        if isinstance(old, Rows) and isinstance(new, Rows):
            return self.row_difference(old, new)
        if isinstance(old, Stream) and isinstance(new, Stream) and old.ref == new.ref:
            return self.stream(new) if new.inserts or new.deletes or new.reset else {}
        if isinstance(old, str | Component) and old == new:
            return {}
        return self.whole(new)

    def row_difference(self, old: Rows, new: Rows) -> Diff:
        if not self.style.keyed:
            # By their text: two dicts are equal in any order.
            same = repr(old) == repr(new) and not self.has_changed_stream(new)
            return {} if same else self.rows([*new.rows.values()])
        places = {key: at for at, key in enumerate(old.rows)}
        keyed: Diff = {}
        moved = False
        for at, (key, cells) in enumerate(new.rows.items()):
            if key not in places:
                keyed[str(at)] = {str(n): self.whole(one) for n, one in enumerate(cells)}
                continue
            changes = {
                str(n): part
                for n, (one, other) in enumerate(zip(old.rows[key], cells, strict=True))
                if (part := self.difference(one, other)) != {}
            }
            if places[key] != at:
                moved = True
                keyed[str(at)] = [places[key], changes] if changes else places[key]
            elif changes:
                keyed[str(at)] = changes
        if not keyed and len(old.rows) == len(new.rows):
            return {}
        keyed["kc"] = len(new.rows)
        if moved and self.style.marked:
            keyed["km"] = True
        return {"k": keyed}

    def has_changed_stream(self, cell: Cell) -> bool:
        if isinstance(cell, Stream):
            return bool(cell.inserts or cell.deletes or cell.reset)
        return any(self.has_changed_stream(one) for one in within(cell))

    def forget(self, cell: Cell) -> None:
        """What streams have done is said."""
        if isinstance(cell, Stream):
            cell.inserts, cell.deletes, cell.reset = [], [], False
        for one in within(cell):
            self.forget(one)

    # What the page should show.

    def html(self, cell: Cell | None = None) -> str:
        cell = self.root if cell is None else cell
        if isinstance(cell, str):
            return cell
        if isinstance(cell, Component):
            inner = self.html(self.components[cell.cid])
            return f'<div data-phx-component="{cell.cid}"' + inner.removeprefix("<div")
        if isinstance(cell, Template):
            return self.woven(cell.statics, cell.cells)
        statics = STREAM_STATICS if isinstance(cell, Stream) else cell.statics
        return "".join(self.woven(statics, cells) for cells in cell.rows.values())

    def woven(self, statics: tuple[str, ...], cells: list[Cell]) -> str:
        return "".join(
            part + (self.html(cells[at]) if at < len(cells) else "") for at, part in enumerate(statics)
        )


def within(cell: Cell) -> list[Cell]:
    if isinstance(cell, Template):
        return cell.cells
    if isinstance(cell, Rows):
        return [one for cells in cell.rows.values() for one in cells]
    return []
