import cython

from fastphx.errors import clip_repr
from fastphx.liveview.diff cimport (
    HAS_C, HAS_OTHERS, HAS_P, HAS_S, Changed, count_of, head_of, letters_of, number, statics_in, templates_of)
from fastphx.liveview.markup cimport Markup
from fastphx.liveview.nodes cimport CELL_BYTES, Node, Rows, Statics, copied, holds, weight_of
from fastphx.liveview.streams cimport StreamChange, StreamRows, stream_change

from fastphx.liveview.errors import TreeError
from fastphx.liveview.lasting import Pin, StickyOperations, id_of, served_pins
from fastphx.liveview.tags import first_tag

cdef enum:
    DEPTH = 100
    HEIGHT = 400
    COMPONENTS = 65536
    TREE_BYTES = 64 * 1024 * 1024

MAX_DEPTH = DEPTH
MAX_HEIGHT = HEIGHT
MAX_COMPONENTS = COMPONENTS
MAX_TREE_BYTES = TREE_BYTES


@cython.final
cdef class Rendered:
    def __init__(self, rendered, *, served=None, previous=None):
        cdef Rendered before
        self._components = {}
        self._reachable = set()
        self._tables = {}
        self._pins = {}
        self._sticky = None
        self._undo = []
        self._discarded = []
        self._streams = []
        self._fresh_pins = []
        self._containers = []
        self._cids = []
        if type(rendered) is not dict:
            raise TreeError(f"a rendered tree is an object, not {clip_repr(rendered)}")
        if served is not None:
            self._pins = served_pins(served)
        if previous is not None:
            before = <Rendered?>previous
            self._pins = before._pins.copy()
            self._sticky = before._sticky
        self._markup = Markup(self._components, self._pins)
        self._discarded.append(None)
        self._patched = served is not None or previous is not None
        self._merge(<dict>rendered)
        self._patched = False

    @property
    def component_ids(self):
        return frozenset(self._reachable)

    def merge(self, diff):
        if type(diff) is not dict:
            raise TreeError(f"a diff is an object, not {clip_repr(diff)}")
        return self._merge(<dict>diff)

    def drop(self, cids):
        for cid in cids:
            if cid not in self._reachable:
                self._components.pop(cid, None)

    def sticky(self, element):
        if self._sticky is None:
            self._sticky = StickyOperations()
        self._html = None
        return self._sticky.of(element)

    def html(self):
        if self._html is None:
            self._html = self._markup.html(self._root)
            if self._sticky is not None:
                self._html = self._sticky.applied(self._html)
        return self._html

    @property
    def own_forms(self):
        cdef set ids = set()
        self._markup.add_forms(self._root, ids, set())
        ids.discard(None)
        return frozenset(ids)

    # Merging.

    cdef Changed _merge(self, dict diff):
        cdef Changed changed
        cdef dict templates = None
        cdef int letters = letters_of(diff)
        try:
            self._owner = 0
            changed = head_of(diff, letters)
            if letters & HAS_S:
                root = self._build(diff, None, 0)
                if type(root) is not Node:
                    raise TreeError("a view's tree is a template, not a comprehension")
                self._undo += (self, None, self._root)
                self._discarded.append(self._root)
                self._root = <Node>root
                changed.dom = True
            elif self._root is None:
                raise TreeError("a rendered tree has statics `s`, and this one has none")
            else:
                if letters & HAS_P:
                    templates = templates_of(diff["p"])
                if letters & HAS_OTHERS:
                    self._fill(self._root.statics, self._root.cells, diff, templates, 0)
                changed.dom = len(self._undo) > 0
            if letters & HAS_C:
                changed.new_cids = self._merge_components(diff["c"])
                changed.dom = True
            self._check()
            self._commit(changed)
        except RecursionError:
            self._roll_back()
            raise TreeError("the diff is nested too deeply") from None
        except BaseException:
            self._roll_back()
            raise
        finally:
            if self._undo:
                self._undo.clear()
            if self._discarded:
                self._discarded.clear()
            if self._streams:
                self._streams.clear()
            if self._fresh_pins:
                self._fresh_pins.clear()
            if self._containers:
                self._containers.clear()
            if self._cids:
                self._cids.clear()
        if changed.dom:
            self._html = None
        return changed

    cdef inline int _put(self, list cells, Py_ssize_t at, object old, object value) except -1:
        if old is not None:
            self._undo.append(cells)
            self._undo.append(at)
            self._undo.append(old)
            if type(old) is not str:
                self._discarded.append(old)
        cells[at] = value
        return 0

    cdef int _fill(self, Statics statics, list cells, dict diff, dict templates, int depth) except -1:
        """Put what *diff* says into *cells*, those of a template or of a row."""
        cdef Py_ssize_t at
        for key, value in diff.items():
            if type(key) is not str:
                raise TreeError(f"a key of a diff is a text, not {clip_repr(key)}")
            at = number(<str>key)
            if at < 0:
                continue
            if at >= statics.slots:
                raise TreeError(f"the diff has the cell {at} of a template with {statics.slots}")
            old = cells[at]
            if type(value) is str:
                self._weight += len(<str>value) + CELL_BYTES
            elif type(value) is dict and "s" not in <dict>value and (type(old) is Node or type(old) is Rows):
                self._merge_into(old, <dict>value, templates, depth + 1)
                if statics.regions and type(old) is Rows:
                    self._containers.append((statics, cells))
                continue
            else:
                value = self._value(value, templates, depth)
            self._put(cells, at, old, value)
            if statics.pins and old is not None and at in statics.tag_slots:
                # Perhaps it has another id now, and is another element.
                self._fresh_pins.append((statics, cells))
                self._discarded.append(None)
        return 0

    cdef object _value(self, object value, dict templates, int depth):
        """What *value* of a message is as a cell."""
        if type(value) is str:
            self._weight += len(<str>value) + CELL_BYTES
            return value
        if type(value) is dict:
            return self._build(<dict>value, templates, depth + 1)
        if type(value) is int:
            self._cids.append(value)
            self._discarded.append(None)
            if self._owner:
                self._nested_cids = True
            return value
        raise TreeError(f"a cell is a text, a template or a component's id, not {clip_repr(value)}")

    cdef object _build(self, dict diff, dict templates, int depth):
        """A new template or comprehension."""
        cdef Node node
        cdef Rows rows
        cdef Statics statics
        cdef dict own = templates
        if depth > DEPTH:
            raise TreeError(f"the tree is over {DEPTH} levels deep")
        if "s" not in diff:
            raise TreeError("a new template has statics `s`, and this one has none")
        self._weight += 2 * CELL_BYTES
        if "k" in diff or "d" in diff:
            if "p" in diff and templates is None:
                own = templates_of(diff["p"])
            rows = Rows.__new__(Rows)
            rows.statics = statics_in(diff["s"], own)
            rows.rows = []
            if "stream" in diff:
                rows.table = StreamRows()
            self._merge_rows(rows, diff, own, depth)
            return rows
        if "p" in diff:
            own = templates_of(diff["p"])
        node = Node.__new__(Node)
        node.statics = statics = statics_in(diff["s"], own)
        if not statics.parts:
            raise TreeError("a template has no statics")
        node.cells = [None] * statics.slots
        self._fill(statics, node.cells, diff, own, depth)
        if None in node.cells:
            raise TreeError(f"a new template has no cell {node.cells.index(None)} of {statics.slots}")
        if statics.regions:
            self._containers.append((statics, node.cells))
            self._fresh_pins.append((statics, node.cells))
        return node

    cdef list _row(self, Statics statics, object entry, dict templates, int depth):
        """A new row, from the list of an older server or from an object."""
        cdef list cells
        self._weight += CELL_BYTES
        if not statics.parts:
            # An older server sends none for a stream without rows.
            raise TreeError("a comprehension has rows and no statics")
        if type(entry) is dict:
            cells = [None] * statics.slots
            self._fill(statics, cells, <dict>entry, templates, depth)
            if None in cells:
                raise TreeError(f"a new row has no cell {cells.index(None)} of {statics.slots}")
        elif type(entry) is list and len(<list>entry) == statics.slots:
            cells = [self._value(value, templates, depth) for value in <list>entry]
        else:
            raise TreeError(f"a new row has {statics.slots} cells, unlike {clip_repr(entry)}")
        if statics.regions:
            self._containers.append((statics, cells))
            self._fresh_pins.append((statics, cells))
        return cells

    cdef int _merge_into(self, object target, dict diff, dict templates, int depth) except -1:
        cdef Node node
        if depth > DEPTH:
            raise TreeError(f"the tree is over {DEPTH} levels deep")
        if type(target) is Rows:
            if templates is None and "p" in diff:
                templates = templates_of(diff["p"])
            return self._merge_rows(<Rows>target, diff, templates, depth)
        if "p" in diff:
            templates = templates_of(diff["p"])
        node = <Node>target
        return self._fill(node.statics, node.cells, diff, templates, depth)

    cdef int _merge_rows(self, Rows target, dict diff, dict templates, int depth) except -1:
        cdef list rows
        cdef Statics statics = target.statics
        if target.table is not None or "stream" in diff:
            if target.table is None:
                raise TreeError("the diff has a stream where the tree has a comprehension")
            rows = self._stream_rows(statics, diff, templates, depth)
            change = stream_change(diff.get("stream", ["", [], []]))
            self._streams.append((target, self._owner, change, rows))
            self._undo += (None, None, None)
        elif "d" in diff:
            entries = diff["d"]
            if type(entries) is not list:
                raise TreeError(f"the rows `d` are a list, not {clip_repr(entries)}")
            rows = [self._row(statics, entry, templates, depth) for entry in <list>entries]
            self._undo += (target, None, target.rows)
            self._discarded += target.rows
            target.rows = rows
        elif "k" in diff:
            if type(diff["k"]) is not dict:
                raise TreeError(f"the rows `k` are an object, not {clip_repr(diff['k'])}")
            self._merge_keyed(target, <dict>diff["k"], templates, depth)
        return 0

    cdef list _stream_rows(self, Statics statics, dict diff, dict templates, int depth):
        """The rows of a stream that a message brings: the server keeps none, so all are new."""
        cdef Py_ssize_t at
        cdef Node node
        cdef list rows = []
        entries = diff.get("d", [])
        if "k" in diff:
            if type(diff["k"]) is not dict:
                raise TreeError(f"the rows `k` are an object, not {clip_repr(diff['k'])}")
            keyed = <dict>diff["k"]
            entries = [keyed.get(str(at)) for at in range(count_of(keyed))]
        if type(entries) is not list:
            raise TreeError(f"the rows `d` are a list, not {clip_repr(entries)}")
        for entry in <list>entries:
            node = Node.__new__(Node)
            node.statics = statics
            node.cells = self._row(statics, entry, templates, depth)
            rows.append(node)
        return rows

    cdef int _merge_keyed(self, Rows target, dict keyed, dict templates, int depth) except -1:
        cdef Py_ssize_t at
        cdef Py_ssize_t count = count_of(keyed)
        cdef Py_ssize_t known = len(target.rows)
        cdef list rows = target.rows
        cdef bint moves = "km" in keyed
        if not moves:
            # Servers from 1.1.0 to 1.2.7 move rows without saying so.
            for key, entry in keyed.items():
                if type(entry) is list or (type(entry) is int and key != "kc"):
                    moves = True
                    break
        if count != known:
            rows = rows[:count]
            rows += [None] * (count - len(rows))
            self._undo += (target, None, target.rows)
            self._discarded += target.rows[count:]
        if moves:
            self._move(target, rows, keyed, count, templates, depth)
        target.rows = rows
        for key, entry in keyed.items():
            if type(entry) is not dict:
                continue
            at = number(<str?>key)
            if not 0 <= at < count:
                raise TreeError(f"the diff has the row {clip_repr(key)} of {count}")
            if rows[at] is None:
                rows[at] = self._row(target.statics, entry, templates, depth)
            else:
                self._fill(target.statics, <list>rows[at], <dict>entry, templates, depth)
        if count > known and None in rows:
            raise TreeError(f"the diff lacks the new row {rows.index(None)}")
        return 0

    cdef int _move(
        self, Rows target, list rows, dict keyed, Py_ssize_t count, dict templates, int depth
    ) except -1:
        """Move in *rows* what *keyed* moves, with its changes. *target* still has the old rows."""
        cdef Py_ssize_t at
        cdef list old = target.rows
        cdef list moves = []
        cdef set taken = set()
        cdef set moved_to = set()
        for key, entry in keyed.items():
            changes = None
            if type(entry) is list and len(<list>entry) == 2:
                came_from, changes = entry
            elif type(entry) is int and key != "kc":
                came_from = entry
            else:
                continue
            at = number(<str?>key)
            if not 0 <= at < count:
                raise TreeError(f"the diff moves a row to {clip_repr(key)} of {count}")
            if type(came_from) is not int or not 0 <= came_from < len(old):
                raise TreeError(f"the diff moves the row {clip_repr(came_from)} of {len(old)}")
            if changes is not None and type(changes) is not dict:
                raise TreeError(f"a moved row's changes are an object, not {clip_repr(changes)}")
            moved_to.add(at)
            moves.append((at, came_from, old[came_from], changes))
        for at in range(len(moves)):
            place, came_from, row, changes = moves[at]
            if came_from in taken:
                # Each may change by itself from now on.
                row = self._copied_row(<list>row)
                moves[at] = (place, came_from, row, changes)
            taken.add(came_from)
        for place, came_from, row, _ in moves:
            self._put(rows, place, rows[place], row)
            if came_from < count and came_from not in moved_to and rows[came_from] is row:
                # Another row comes where it was, or a copy stays.
                new = type(keyed.get(str(came_from))) is dict
                self._put(rows, came_from, row, None if new else self._copied_row(<list>row))
        for _, _, row, changes in moves:
            if changes is not None:
                self._fill(target.statics, <list>row, <dict>changes, templates, depth)
        return 0

    cdef list _copied_row(self, list row):
        cdef list cells = [copied(value) for value in row]
        for value in row:
            self._weight += weight_of(value)
        return cells

    # Components.

    cdef tuple _merge_components(self, object diffs):
        """Merge ``c``; the cids that are new."""
        cdef dict clones = None
        cdef list new = None
        cdef Py_ssize_t cid
        if type(diffs) is not dict:
            raise TreeError(f"the components `c` are an object, not {clip_repr(diffs)}")
        for name, diff in (<dict>diffs).items():
            if type(name) is not str or type(diff) is not dict or number(<str>name) < 1:
                raise TreeError(f"a component is an object, by its id, not {clip_repr({name: diff})}")
            shared = (<dict>diff).get("s")
            if type(shared) is int:
                clones = clones or {}
                clones[name] = None
                if shared < 0:
                    # As it was before this message.
                    clones[name] = self._clone(-shared)
                # What is copied may hold the very component that it is copied to.
                self._cids.append(number(<str>name))
                self._nested_cids = True
        for name, diff in (<dict>diffs).items():
            cid = number(<str>name)
            known = self._components.get(cid)
            if known is None:
                new = new or []
                new.append(cid)
            if clones is None or name not in clones:
                self._owner = cid
                self._merge_component(cid, <Node>known, <dict>diff)
        if clones is not None:
            self._merge_sharing(<dict>diffs, clones)
        self._owner = 0
        if len(self._components) > COMPONENTS:
            raise TreeError(f"the view has over {COMPONENTS} components")
        return () if new is None else tuple(new)

    cdef int _merge_component(self, Py_ssize_t cid, Node known, dict diff) except -1:
        """Merge the diff of one that has its own statics, new ones or those that it had: *known*, or None."""
        cdef int letters = letters_of(diff)
        cdef dict templates = None
        if letters & HAS_S:
            built = self._build(diff, None, 0)
            if type(built) is not Node:
                raise TreeError(f"the component {cid} is a comprehension")
            return self._set_component(cid, <Node>built)
        if known is None:
            raise TreeError(f"the diff changes the component {cid}, which is not known")
        if letters & HAS_P:
            templates = templates_of(diff["p"])
        return self._fill(known.statics, known.cells, diff, templates, 0)

    cdef int _merge_sharing(self, dict diffs, dict clones) except -1:
        """Merge those that share another's statics. *clones* has them, with a copy of those already known."""
        cdef Node node
        cdef Py_ssize_t cid
        cdef list chain
        for name in list(clones):
            chain = []
            # To the end of the chain, and back, without recursion: it may be as long as the message.
            while name in clones:
                chain.append(name)
                if len(chain) > len(diffs):
                    raise TreeError(f"the component {clip_repr(name)} shares its own statics")
                if clones[name] is not None:
                    break
                name = str(diffs[name]["s"])
                if name not in diffs:
                    raise TreeError(f"a component shares {clip_repr(name)}'s statics, not in the message")
            while chain:
                name = chain.pop()
                cid = number(<str>name)
                node = clones.pop(name)
                if node is None:
                    node = self._clone(diffs[name]["s"])
                self._owner = cid
                templates = templates_of(diffs[name]["p"]) if "p" in diffs[name] else None
                self._fill(node.statics, node.cells, <dict>diffs[name], <dict>templates, 0)
                self._set_component(cid, node)
        return 0

    cdef Node _clone(self, object cid):
        node = self._components.get(cid)
        if node is None:
            raise TreeError(f"a component shares {clip_repr(cid)}'s statics, which is not known")
        self._weight += weight_of(node)
        return <Node>copied(node)

    cdef int _set_component(self, Py_ssize_t cid, Node node) except -1:
        old = self._components.get(cid)
        self._undo += (self._components, cid, old)
        if old is not None:
            self._discarded.append(old)
        self._components[cid] = node
        return 0

    # What holds for the whole tree, before the merge counts.

    cdef int _check(self) except -1:
        cdef dict heights
        for cid in self._cids:
            if cid not in self._components:
                raise TreeError(f"the tree has the component {clip_repr(cid)}, which is not known")
        if self._nested_cids and self._cids:
            # From the root too: what is new may be at the end of a long chain of components.
            heights = {}
            self._height(self._root, heights)
            for cid in self._cids:
                self._height(cid, heights)
        if self._weight > TREE_BYTES:
            # What was replaced meanwhile is counted too.
            self._weight = weight_of(self._root)
            for node in self._components.values():
                self._weight += weight_of(node)
            if self._weight > TREE_BYTES:
                raise TreeError(f"the tree takes over {TREE_BYTES} bytes")
        return 0

    cdef int _height(self, object value, dict heights) except -1:
        """How many levels *value* has, with the components in it."""
        cdef int height = 0
        cdef Node node
        cdef Rows rows
        if type(value) is str:
            return 0
        if type(value) is int:
            known = heights.get(value)
            if known is None:
                heights[value] = -1
                height = self._height(self._components[value], heights)
                for _, owner, _, coming in self._streams:
                    # They are not in the tree yet.
                    if owner == value:
                        for row in <list>coming:
                            height = max(height, self._height(row, heights))
                heights[value] = height
            elif known < 0:
                raise TreeError(f"the component {value} is within itself")
            else:
                height = known
        elif type(value) is Node:
            node = <Node>value
            for cell in node.cells:
                height = max(height, self._height(cell, heights))
        elif type(value) is Rows:
            rows = <Rows>value
            for row in rows.rows:
                for cell in <list>row:
                    height = max(height, self._height(cell, heights))
            if rows.table is not None:
                for row in rows.table.nodes():
                    height = max(height, self._height(row, heights))
        if height >= HEIGHT:
            raise TreeError(f"the components are over {HEIGHT} levels deep")
        return height + 1

    cdef int _commit(self, Changed changed) except -1:
        """What a browser does when it patches: streams, pins, and what is no longer there."""
        cdef list ready
        cdef Py_ssize_t at
        cdef StreamChange change
        cdef StreamRows table
        if self._streams:
            ready = []
            for _, _, told, rows in self._streams:
                ready.append(self._row_ids(<StreamChange>told, <list>rows))
            # From here on nothing is refused.
            for target, owner, told, _ in self._streams:
                change = <StreamChange>told
                table = (<Rows>target).table
                if change.ref:
                    (<Rows>target).table = <StreamRows>self._tables.setdefault((owner, change.ref), table)
            for statics, cells in self._containers:
                self._markup.tell_others(<Statics>statics, <list>cells, self._patched)
            for at in range(len(ready)):
                target, owner, told, rows = self._streams[at]
                change = <StreamChange>told
                table = (<Rows>target).table
                self._discarded += table.change(change, <list>ready[at], <list>rows)
        for statics, cells in self._fresh_pins:
            self._pin(<Statics>statics, <list>cells)
        if self._discarded and self._lost():
            self._prune(changed)
        if self._sticky is not None and changed.dom:
            self._html = None
            self._sticky.keep(self._markup.html(self._root))
        return 0

    cdef list _row_ids(self, StreamChange change, list rows):
        """The ids of a stream's rows, which are their elements'."""
        cdef list likely = list(change.inserts)
        cdef list ids = []
        cdef Py_ssize_t count = len(rows)
        cdef Py_ssize_t at
        cdef Node row
        if len(likely) == count and count and not has_id(<Node>rows[0], <str>likely[0]):
            # From 1.0.2 on the last insert is named first.
            likely.reverse()
        for at in range(count):
            row = <Node>rows[at]
            if len(likely) == count and has_id(row, <str>likely[at]):
                ids.append(likely[at])
                continue
            found = id_of(first_tag(self._markup.html(row)))
            if found is None:
                raise TreeError("a row of a stream has no id")
            ids.append(found)
        return ids

    cdef bint _lost(self) except -1:
        """Whether what was taken out of the tree held components, streams or pins."""
        if not (self._components or self._tables or self._pins):
            return False
        for value in self._discarded:
            if type(value) is list:
                for cell in <list>value:
                    if type(cell) is not str and holds(cell):
                        return True
            elif value is None or holds(value):
                return True
        return False

    cdef int _prune(self, Changed changed) except -1:
        """Forget the streams and pins that are no longer in the view, and find the components."""
        cdef set cids, pins
        cdef dict tables
        cids = set()
        pins = set()
        tables = {}
        self._visit(self._root, cids, tables, pins)
        changed.removed_cids = tuple(self._reachable - cids)
        self._reachable = cids
        if self._tables:
            self._tables = {key: table for key, table in self._tables.items() if id(table) in tables}
        if self._pins:
            self._pins = {key: pin for key, pin in self._pins.items() if key in pins}
            self._markup.pins = self._pins
        return 0

    cdef int _roll_back(self) except -1:
        cdef Py_ssize_t at
        # Where memory ran out, the last entry is not whole, or what it undoes has not been done.
        for at in range(len(self._undo) // 3 * 3 - 3, -1, -3):
            where, place, what = self._undo[at], self._undo[at + 1], self._undo[at + 2]
            if where is None:
                continue
            if where is self:
                self._root = what
            elif type(where) is Rows:
                (<Rows>where).rows = what
            elif type(where) is dict and what is None:
                (<dict>where).pop(place, None)
            else:
                where[place] = what
        return 0

    cdef int _visit(self, object value, set cids, dict tables, set pins) except -1:
        cdef Node node
        cdef Rows rows
        if type(value) is Node:
            node = <Node>value
            return self._visit_cells(node.statics, node.cells, cids, tables, pins)
        if type(value) is Rows:
            rows = <Rows>value
            if rows.table is not None:
                tables[id(rows.table)] = True
                for row in rows.table.nodes():
                    self._visit(row, cids, tables, pins)
            for row in rows.rows:
                self._visit_cells(rows.statics, <list>row, cids, tables, pins)
        elif type(value) is int and value not in cids:
            cids.add(value)
            self._visit(self._components[value], cids, tables, pins)
        return 0

    cdef int _visit_cells(self, Statics statics, list cells, set cids, dict tables, set pins) except -1:
        for value in cells:
            if type(value) is not str:
                self._visit(value, cids, tables, pins)
        if statics.pins:
            for region in statics.regions:
                if region.ignored:
                    pins.add(id_of(self._markup.text(statics, cells, region.tag, region.start)))
        return 0

    cdef int _pin(self, Statics statics, list cells) except -1:
        for region in statics.regions:
            if not region.ignored:
                continue
            tag = self._markup.text(statics, cells, region.tag, region.start)
            name = id_of(tag)
            if name is not None and name not in self._pins:
                self._pins[name] = Pin(tag, self._markup.text(statics, cells, region.start, region.end))
        return 0


cdef bint has_id(Node row, str row_id):
    """Whether the first start tag of *row* has this id, as far as its first texts show."""
    cdef str text = <str>row.statics.parts[0]
    cdef Py_ssize_t at
    if row.cells and type(row.cells[0]) is str:
        text = text + <str>row.cells[0]
    at = text.find(' id="' + row_id + '"')
    return at > 0 and text.startswith("<") and text.find(">", 0, at) < 0
