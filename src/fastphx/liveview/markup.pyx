import cython

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.unicode cimport (
    PyUnicode_CopyCharacters,
    PyUnicode_DATA,
    PyUnicode_KIND,
    PyUnicode_New,
)
from libc.string cimport memcpy

from fastphx.liveview.nodes cimport Node, Rows, Statics

from fastphx.liveview.errors import TreeError
from fastphx.liveview.lasting import id_of, pinned_tag
from fastphx.liveview.tags import Place, name_end

cdef extern from "Python.h":
    unsigned int PyUnicode_MAX_CHAR_VALUE(PyObject* text)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject* text)
    PyObject* PyTuple_GET_ITEM(PyObject* items, Py_ssize_t at)
    PyObject* PyList_GET_ITEM(PyObject* items, Py_ssize_t at)
    bint PyUnicode_CheckExact(PyObject* value)

cdef enum:
    MAX_PIECES = 16 * 1024 * 1024
    MAX_HTML_CHARS = 128 * 1024 * 1024

cdef object NOWHERE = Place(0, 0)


@cython.final
cdef class Pieces:
    # What "".join does, without a list: the texts of a tree are in order already, and nothing can free one
    # of them while they are gathered.

    def __cinit__(self):
        self.max_char = 127
        self.own = []

    def __dealloc__(self):
        PyMem_Free(self.pieces)

    cdef inline int push(self, PyObject* text) except -1:
        """Add *text*, a str that the caller keeps alive until all is joined."""
        cdef Py_ssize_t length = PyUnicode_GET_LENGTH(text)
        cdef Py_ssize_t capacity
        cdef PyObject** pieces
        if length == 0:
            return 0
        if self.root_attributes is not None:
            return self._push_root(<str>text)
        if self.size == self.capacity:
            capacity = 2 * self.capacity or 256
            if capacity > MAX_PIECES:
                raise TreeError(f"the view's HTML has over {MAX_PIECES // 2} pieces")
            pieces = <PyObject**>PyMem_Realloc(self.pieces, capacity * sizeof(PyObject*))
            if pieces == NULL:
                raise MemoryError
            self.pieces = pieces
            self.capacity = capacity
        self.pieces[self.size] = text
        self.size += 1
        self.chars += length
        if self.chars > MAX_HTML_CHARS:
            raise TreeError(f"the view's HTML has over {MAX_HTML_CHARS} characters")
        # Each of its four values is all ones.
        self.max_char |= PyUnicode_MAX_CHAR_VALUE(text)
        return 0

    cdef int _push_root(self, str text) except -1:
        """As `push`; the first start tag gets the attributes that wait for one."""
        cdef str attributes = self.root_attributes
        cdef Py_ssize_t at = name_end(text)
        if at >= 0:
            self.root_attributes = None
            self.push_own(text[:at])
            self.push_own(attributes)
            return self.push_own(text[at:])
        self.root_attributes = None
        self.push(<PyObject*>text)
        self.root_attributes = attributes
        return 0

    cdef int push_own(self, str text) except -1:
        self.own.append(text)
        return self.push(<PyObject*>text)

    cdef str joined(self):
        cdef object out = PyUnicode_New(self.chars, self.max_char)
        cdef int kind = PyUnicode_KIND(out)
        cdef char* data = <char*>PyUnicode_DATA(out)
        cdef Py_ssize_t at = 0
        cdef Py_ssize_t index, length
        cdef object piece
        for index in range(self.size):
            piece = <object>self.pieces[index]
            length = PyUnicode_GET_LENGTH(self.pieces[index])
            # Both have `length` characters of room here: `chars` is the sum of all lengths.
            if PyUnicode_KIND(piece) == kind:
                memcpy(data + at * kind, PyUnicode_DATA(piece), length * kind)
            else:
                PyUnicode_CopyCharacters(out, at, piece, 0, length)
            at += length
        return <str>out


@cython.final
cdef class Markup:
    def __init__(self, dict components, dict pins):
        self.components = components
        self.pins = pins

    cdef str html(self, Node root):
        """The whole HTML of the view *root*."""
        cdef Pieces out = Pieces()
        self.emit(out, root)
        return out.joined()

    cdef str row(self, Rows rows, list cells):
        """The HTML of one row."""
        cdef Pieces out = Pieces()
        self.emit_cells(out, rows.statics, cells)
        return out.joined()

    cdef int emit(self, Pieces out, object value) except -1:
        cdef Node node
        cdef Rows rows
        if type(value) is str:
            return out.push(<PyObject*>value)
        if type(value) is Node:
            node = <Node>value
            return self.emit_cells(out, node.statics, node.cells)
        if type(value) is Rows:
            rows = <Rows>value
            for row in rows.rows if rows.table is None else rows.table.cells():
                self.emit_cells(out, rows.statics, <list>row)
            return 0
        attributes = f' data-phx-component="{value}"'
        out.root_attributes = (out.root_attributes or "") + attributes
        self.emit(out, self.components[value])
        out.root_attributes = None
        return 0

    cdef int emit_cells(self, Pieces out, Statics statics, list cells) except -1:
        cdef PyObject* parts = <PyObject*>statics.parts
        cdef PyObject* value
        cdef Py_ssize_t at
        if statics.pinned:
            return self._emit_pinned(out, statics, cells)
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

    cdef int _emit_pinned(self, Pieces out, Statics statics, list cells) except -1:
        """As `emit_cells`, with the first content of pinned elements."""
        at = NOWHERE
        for region in statics.pinned:
            self._emit_between(out, statics, cells, at, region.tag)
            tag = self.text(statics, cells, region.tag, region.start)
            pin = self.pins.get(id_of(tag))
            if pin is None:
                out.push_own(tag)
                self._emit_between(out, statics, cells, region.start, region.end)
            else:
                out.push_own(pinned_tag(pin.tag, tag))
                out.push_own(pin.content)
            at = region.end
        end = Place(statics.slots, len(statics.parts[statics.slots]))
        return self._emit_between(out, statics, cells, at, end)

    cdef int _emit_between(self, Pieces out, Statics statics, list cells, object start, object end) except -1:
        cdef tuple parts = statics.parts
        cdef Py_ssize_t part = start[0]
        cdef Py_ssize_t last = end[0]
        if part == last:
            return out.push_own(parts[part][start[1]:end[1]])
        out.push_own(parts[part][start[1]:])
        while part < last:
            self.emit(out, cells[part])
            part += 1
            out.push_own(parts[part] if part < last else parts[part][:end[1]])
        return 0

    cdef str text(self, Statics statics, list cells, object start, object end):
        cdef Pieces out = Pieces()
        self._emit_between(out, statics, cells, start, end)
        return out.joined()
