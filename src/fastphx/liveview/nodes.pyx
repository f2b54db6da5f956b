import cython

from fastphx.errors import clip_repr
from fastphx.liveview.streams cimport StreamRows

from fastphx.liveview.errors import TreeError
from fastphx.liveview.tags import is_one_form, regions

cdef enum:
    MAX_SHARED = 4096
    MAX_SHARED_CHARS = 4 * 1024 * 1024

# Views of one page, and the rows of one view, have the same statics, and each message brings them anew.
cdef dict _shared = {}
cdef Py_ssize_t _shared_chars = 0


@cython.final
cdef class Statics:
    def __init__(self, tuple parts):
        self.parts = parts
        self.slots = max(len(parts) - 1, 0)
        self.regions = regions(parts)
        ignored = [region for region in self.regions if region.ignored]
        self.pins = len(ignored) > 0
        self.tag_slots = frozenset(
            slot for region in ignored for slot in range(region.tag.part, region.start.part)
        )
        self.is_form = is_one_form(parts)


cdef Statics statics_of(object parts):
    """The statics *parts*, a list of a message; those that were seen before are shared."""
    global _shared_chars
    cdef Py_ssize_t chars = 0
    cdef tuple key
    cdef Statics statics
    if type(parts) is not list:
        raise TreeError(f"statics are a list of texts, not {clip_repr(parts)}")
    for part in <list>parts:
        if type(part) is not str:
            raise TreeError(f"statics are texts, not {clip_repr(part)}")
        chars += len(<str>part)
    key = tuple(<list>parts)
    statics = _shared.get(key)
    if statics is None:
        statics = Statics(key)
        if len(_shared) >= MAX_SHARED or _shared_chars + chars > MAX_SHARED_CHARS:
            _shared.clear()
            _shared_chars = 0
        if chars <= MAX_SHARED_CHARS:
            _shared[key] = statics
            _shared_chars += chars
    return statics


@cython.final
@cython.freelist(64)
cdef class Node:
    pass


@cython.final
cdef class Rows:
    pass


cdef list copied_cells(list cells):
    return [value if type(value) is str else copied(value) for value in cells]


cdef object copied(object value):
    """A copy that can be changed by itself. A stream's rows are not copied: they are the first one's."""
    cdef Node node, new
    cdef Rows rows, more
    if type(value) is Node:
        node = <Node>value
        new = Node.__new__(Node)
        new.statics = node.statics
        new.cells = copied_cells(node.cells)
        return new
    if type(value) is Rows:
        rows = <Rows>value
        more = Rows.__new__(Rows)
        more.statics = rows.statics
        more.rows = [copied_cells(<list>cells) for cells in rows.rows]
        if rows.table is not None:
            more.table = StreamRows()
        return more
    return value


cdef Py_ssize_t weight_of_cells(list cells) except -1:
    cdef Py_ssize_t weight = CELL_BYTES * (len(cells) + 1)
    for value in cells:
        weight += len(<str>value) if type(value) is str else weight_of(value)
    return weight


cdef Py_ssize_t weight_of(object value) except -1:
    """About how many bytes *value* takes, without its statics."""
    cdef Py_ssize_t weight = CELL_BYTES
    cdef Rows rows
    if type(value) is str:
        return len(<str>value) + CELL_BYTES
    if type(value) is Node:
        return weight_of_cells((<Node>value).cells)
    if type(value) is Rows:
        rows = <Rows>value
        for cells in rows.rows:
            weight += weight_of_cells(<list>cells)
        if rows.table is not None:
            for node in rows.table.nodes():
                weight += weight_of(node)
    return weight


cdef bint holds(object value) except -1:
    """Whether *value* has components, streams or pins in it."""
    cdef Node node
    cdef Rows rows
    if type(value) is str:
        return False
    if type(value) is Node:
        node = <Node>value
        if node.statics.pins:
            return True
        for cell in node.cells:
            if type(cell) is not str and holds(cell):
                return True
        return False
    if type(value) is Rows:
        rows = <Rows>value
        if rows.table is not None or rows.statics.pins:
            return True
        for row in rows.rows:
            for cell in <list>row:
                if type(cell) is not str and holds(cell):
                    return True
        return False
    return True
