"""HTML from a rendered tree."""

from cpython.object cimport PyObject

from fastphx.liveview.nodes cimport Node, Rows, Statics

cdef class Pieces:
    cdef PyObject** pieces          # borrowed: from the tree, or from `own`
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    cdef Py_ssize_t chars
    cdef unsigned int max_char
    cdef list own
    cdef str root_attributes        # for the next start tag, or None
    cdef int push(self, PyObject* text) except -1
    cdef int _push_root(self, str text) except -1
    cdef int push_own(self, str text) except -1
    cdef str joined(self)

cdef class Markup:
    cdef dict components            # cid: Node
    cdef dict pins                  # id: Pin

    cdef str html(self, Node root)
    cdef str row(self, Rows rows, list cells)
    cdef int emit(self, Pieces out, object value) except -1
    cdef int emit_cells(self, Pieces out, Statics statics, list cells) except -1
    cdef int _emit_pinned(self, Pieces out, Statics statics, list cells) except -1
    cdef int _emit_between(self, Pieces out, Statics statics, list cells, object start, object end) except -1
    cdef str text(self, Statics statics, list cells, object start, object end)
