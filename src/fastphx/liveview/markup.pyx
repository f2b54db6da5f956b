import cython

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.object cimport PyObject
from libc.string cimport memcpy

from fastphx.liveview.nodes cimport Node, Rows, Statics
from fastphx.liveview.streams cimport BEFORE, StreamRows

from fastphx.liveview.errors import TreeError
from fastphx.liveview.lasting import id_of, pinned_tag
from fastphx.liveview.tags import Place, first_tag, name_end

cdef extern from "Python.h":
    unsigned int PyUnicode_MAX_CHAR_VALUE(PyObject* text)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject* text)
    int PyUnicode_KIND(PyObject* text)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject* text)
    void* PyUnicode_DATA(PyObject* text)
    unsigned int PyUnicode_READ(int kind, void* data, Py_ssize_t at)
    void PyUnicode_WRITE(int kind, void* data, Py_ssize_t at, unsigned int value)
    str PyUnicode_New(Py_ssize_t size, unsigned int max_char)
    PyObject* PyTuple_GET_ITEM(PyObject* items, Py_ssize_t at)
    PyObject* PyList_GET_ITEM(PyObject* items, Py_ssize_t at)
    bint PyUnicode_CheckExact(PyObject* value)

cdef enum:
    FIRST_CAPACITY = 1024
    MAX_HTML_CHARS = 32 * 1024 * 1024
    MAX_HTML_CELLS = 4 * 1024 * 1024

cdef object NOWHERE = Place(0, 0)


@cython.final
cdef class Writing:
    # A tree's texts are mostly of a few characters: they are copied once, as they come, into characters as
    # wide as the widest so far.

    def __cinit__(self):
        self.kind = 1
        self.max_char = 127

    def __dealloc__(self):
        PyMem_Free(self.data)

    cdef inline int push(self, PyObject* text) except -1:
        """Add *text*, which is a str."""
        cdef Py_ssize_t length = PyUnicode_GET_LENGTH(text)
        if length == 0:
            return 0
        if self.root_attributes is not None:
            return self._push_root(<str>text)
        # Most texts are: nothing more has to be known of them.
        if self.kind == 1 and PyUnicode_IS_COMPACT_ASCII(text) and length <= self.capacity - self.size:
            memcpy(self.data + self.size, PyUnicode_DATA(text), length)
            self.size += length
            return 0
        if PyUnicode_KIND(text) == self.kind and length <= self.capacity - self.size:
            memcpy(self.data + self.size * self.kind, PyUnicode_DATA(text), length * self.kind)
            self.size += length
            # Each of its four values is all ones.
            self.max_char |= PyUnicode_MAX_CHAR_VALUE(text)
            return 0
        return self._push_slowly(text, length)

    cdef int _push_slowly(self, PyObject* text, Py_ssize_t length) except -1:
        cdef int kind = max(self.kind, <int>PyUnicode_KIND(text))
        cdef unsigned int char
        cdef Py_ssize_t at
        if self.size + length > MAX_HTML_CHARS:
            raise TreeError(f"the view's HTML has over {MAX_HTML_CHARS} characters")
        if kind > self.kind or self.size + length > self.capacity:
            self._grow(kind, max(self.size + length, 2 * self.capacity, self.expected, FIRST_CAPACITY))
        for at in range(length):
            char = PyUnicode_READ(PyUnicode_KIND(text), PyUnicode_DATA(text), at)
            PyUnicode_WRITE(self.kind, self.data, self.size + at, char)
        self.size += length
        self.max_char |= PyUnicode_MAX_CHAR_VALUE(text)
        return 0

    cdef int _grow(self, int kind, Py_ssize_t capacity) except -1:
        cdef char* data = <char*>PyMem_Malloc(capacity * kind)
        cdef Py_ssize_t at
        if data == NULL:
            raise MemoryError
        if kind == self.kind:
            if self.size:
                # memcpy takes no NULL, not even for nothing, and there is no memory yet.
                memcpy(data, self.data, self.size * kind)
        else:
            for at in range(self.size):
                PyUnicode_WRITE(kind, data, at, PyUnicode_READ(self.kind, self.data, at))
        PyMem_Free(self.data)
        self.data = data
        self.kind = kind
        self.capacity = capacity
        return 0

    cdef int _push_root(self, str text) except -1:
        """As `push`; the first start tag gets the attributes that wait for one."""
        cdef str attributes = self.root_attributes
        cdef Py_ssize_t at = name_end(text)
        self.root_attributes = None
        if at < 0:
            self.push_text(text)
            self.root_attributes = attributes
            return 0
        self.push_text(text[:at])
        self.push_text(attributes)
        return self.push_text(text[at:])

    cdef int push_text(self, str text) except -1:
        return self.push(<PyObject*>text)

    cdef str written(self):
        """All of it."""
        cdef str out = PyUnicode_New(self.size, self.max_char)
        # The widest text decides both.
        if self.size:
            memcpy(PyUnicode_DATA(<PyObject*>out), self.data, self.size * self.kind)
        return out


cdef Py_ssize_t stream_slot(list cells, region) except -2:
    """The cell of *region* that has a stream's rows, or -1."""
    cdef Py_ssize_t slot
    for slot in range(region.start.part, region.end.part):
        if type(cells[slot]) is Rows and (<Rows>cells[slot]).table is not None:
            return slot
    return -1


cdef tuple between(Statics statics, region, Py_ssize_t slot, bint before):
    """What is in a stream's element before its rows, or after them."""
    if before:
        return region.start, Place(slot, len(statics.parts[slot]))
    return Place(slot + 1, 0), region.end


@cython.final
cdef class Markup:
    def __init__(self, dict components, dict pins):
        self.components = components
        self.pins = pins

    cdef str html(self, Node root):
        """The HTML of a view, or of a stream's row."""
        cdef Writing out = Writing()
        out.expected = self.expected
        self.emit(out, root)
        self.expected = out.size
        return out.written()

    cdef int add_forms(self, object value, set ids, set cids) except -1:
        """Add to *ids* those of the forms in *value* that are a template of their own; *cids* were seen."""
        cdef Node node
        cdef Rows rows
        if type(value) is Node:
            node = <Node>value
            if node.statics.is_form:
                ids.add(id_of(first_tag(self.html(node))))
            self._add_forms_of(node.cells, ids, cids)
        elif type(value) is Rows:
            rows = <Rows>value
            for row in rows.rows:
                self._add_forms_of(<list>row, ids, cids)
            if rows.table is not None:
                for node in rows.table.nodes():
                    self.add_forms(node, ids, cids)
        elif value not in cids:
            cids.add(value)
            self.add_forms(self.components[value], ids, cids)
        return 0

    cdef int _add_forms_of(self, list cells, set ids, set cids) except -1:
        for value in cells:
            if type(value) is not str:
                self.add_forms(value, ids, cids)
        return 0

    cdef int tell_others(self, Statics statics, list cells, bint patched) except -1:
        """Tell the streams of a template which other children their elements have."""
        cdef Py_ssize_t slot
        for region in statics.regions:
            slot = -1 if region.ignored else stream_slot(cells, region)
            if slot >= 0:
                before = between(statics, region, slot, True)
                after = between(statics, region, slot, False)
                (<Rows>cells[slot]).table.others(
                    "<" in self.text(statics, cells, before[0], before[1]),
                    "<" in self.text(statics, cells, after[0], after[1]),
                    patched,
                )
        return 0

    cdef int emit(self, Writing out, object value) except -1:
        cdef Node node
        cdef Rows rows
        if type(value) is str:
            return out.push(<PyObject*>value)
        if type(value) is Node:
            node = <Node>value
            return self.emit_cells(out, node.statics, node.cells)
        if type(value) is Rows:
            rows = <Rows>value
            for row in rows.rows:
                self.emit_cells(out, rows.statics, <list>row)
            if rows.table is not None:
                for node in rows.table.nodes():
                    self.emit_cells(out, (<Node>node).statics, (<Node>node).cells)
            return 0
        attributes = f' data-phx-component="{value}"'
        out.root_attributes = (out.root_attributes or "") + attributes
        self.emit(out, self.components[value])
        out.root_attributes = None
        return 0

    cdef int emit_cells(self, Writing out, Statics statics, list cells) except -1:
        cdef PyObject* parts = <PyObject*>statics.parts
        cdef PyObject* value
        cdef Py_ssize_t at
        # A component may be in many places, and have others in it.
        out.cells += statics.slots + 1
        if out.cells > MAX_HTML_CELLS:
            raise TreeError(f"the view's HTML has over {MAX_HTML_CELLS} cells")
        if statics.regions:
            return self._emit_regions(out, statics, cells)
        # There is a part more than slots, and `rendered` gives each template and row a cell for each slot.
        out.push(PyTuple_GET_ITEM(parts, 0))
        for at in range(statics.slots):
            value = PyList_GET_ITEM(<PyObject*>cells, at)
            if PyUnicode_CheckExact(value):
                out.push(value)
            else:
                self.emit(out, <object>value)
            out.push(PyTuple_GET_ITEM(parts, at + 1))
        return 0

    cdef int _emit_regions(self, Writing out, Statics statics, list cells) except -1:
        """As `emit_cells`, with the first content of pinned elements, and a stream's other children."""
        at = NOWHERE
        for region in statics.regions:
            self._emit_between(out, statics, cells, at, region.start if not region.ignored else region.tag)
            at = region.end
            if not region.ignored:
                self._emit_container(out, statics, cells, region)
                continue
            tag = self.text(statics, cells, region.tag, region.start)
            pin = self.pins.get(id_of(tag))
            if pin is None:
                out.push_text(tag)
                self._emit_between(out, statics, cells, region.start, region.end)
            else:
                out.push_text(pinned_tag(pin.tag, tag))
                out.push_text(pin.content)
        end = Place(statics.slots, len(statics.parts[statics.slots]))
        return self._emit_between(out, statics, cells, at, end)

    cdef int _emit_container(self, Writing out, Statics statics, list cells, region) except -1:
        """The content of a stream's element."""
        cdef Py_ssize_t slot = stream_slot(cells, region)
        cdef StreamRows table
        if slot < 0:
            return self._emit_between(out, statics, cells, region.start, region.end)
        table = (<Rows>cells[slot]).table
        for child in table.children():
            if type(child) is Node:
                self.emit_cells(out, (<Node>child).statics, (<Node>child).cells)
            else:
                part = between(statics, region, slot, child is BEFORE)
                self._emit_between(out, statics, cells, part[0], part[1])
        return 0

    cdef int _emit_between(self, Writing out, Statics statics, list cells, start, end) except -1:
        cdef tuple parts = statics.parts
        cdef Py_ssize_t part = start[0]
        cdef Py_ssize_t last = end[0]
        if part == last:
            return out.push_text(parts[part][start[1]:end[1]])
        out.push_text(parts[part][start[1]:])
        while part < last:
            self.emit(out, cells[part])
            part += 1
            out.push_text(parts[part] if part < last else parts[part][:end[1]])
        return 0

    cdef str text(self, Statics statics, list cells, object start, object end):
        cdef Writing out = Writing()
        self._emit_between(out, statics, cells, start, end)
        return out.written()
