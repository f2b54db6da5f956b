"""HTML from a rendered tree."""

from cpython.object cimport PyObject

from fastphx.liveview.nodes cimport Node, Rows, Statics

cdef class Writing:
    cdef char* data
    cdef int kind                   # bytes a character: 1, 2 or 4
    cdef unsigned int max_char
    cdef Py_ssize_t size            # in characters
    cdef Py_ssize_t capacity
    cdef Py_ssize_t expected        # characters in all, at a guess
    cdef Py_ssize_t cells           # how many of the tree are written, and templates
    cdef str root_attributes        # for the next start tag, or None
    cdef int push(self, PyObject* text) except -1
    cdef int push_text(self, str text) except -1
    cdef int _push_slowly(self, PyObject* text, Py_ssize_t length) except -1
    cdef int _push_root(self, str text) except -1
    cdef int _grow(self, int kind, Py_ssize_t capacity) except -1
    cdef str written(self)

cdef class Markup:
    cdef dict components            # cid: Node
    cdef dict pins                  # id: Pin
    cdef Py_ssize_t expected        # characters: as many as the last time

    cdef str html(self, Node root)
    cdef int add_forms(self, object value, set ids, set cids) except -1
    cdef int _add_forms_of(self, list cells, set ids, set cids) except -1
    cdef int emit(self, Writing out, object value) except -1
    cdef int emit_cells(self, Writing out, Statics statics, list cells) except -1
    cdef int tell_others(self, Statics statics, list cells, bint patched) except -1
    cdef int _emit_regions(self, Writing out, Statics statics, list cells) except -1
    cdef int _emit_container(self, Writing out, Statics statics, list cells, region) except -1
    cdef int _emit_between(self, Writing out, Statics statics, list cells, start, end) except -1
    cdef str text(self, Statics statics, list cells, object start, object end)
