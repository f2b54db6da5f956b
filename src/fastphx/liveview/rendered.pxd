"""The merged tree of one view."""

from fastphx.liveview.diff cimport Changed
from fastphx.liveview.markup cimport Markup
from fastphx.liveview.nodes cimport Node, Rows, Statics
from fastphx.liveview.streams cimport StreamChange

cdef class Rendered:
    cdef Node _root
    cdef dict _components           # cid: Node
    cdef set _reachable             # the cids that are part of the view
    cdef dict _tables               # (owner, ref): StreamRows
    cdef dict _pins                 # id: Pin
    cdef Markup _markup
    cdef str _html                  # until the next change
    cdef object _sticky             # StickyOperations
    cdef Py_ssize_t _weight         # at least what the tree takes, as `nodes.weight_of` reckons
    # While a message is merged:
    cdef list _undo                 # what was written over: (where, at, what), flat
    cdef list _discarded            # what was taken out and may hold components, streams or pins
    cdef list _streams              # of (Rows, owner, StreamChange, rows)
    cdef list _fresh_pins           # of (Statics, cells)
    cdef list _containers           # of (Statics, cells)
    cdef bint _patched              # whether the page had the elements already
    cdef list _cids                 # that the message refers to
    cdef Py_ssize_t _owner          # the cid whose diff is being merged; 0 is the view
    cdef bint _nested_cids          # a component has ever referred to one

    cdef Changed _merge(self, dict diff)
    cdef int _put(self, list cells, Py_ssize_t at, object old, object value) except -1
    cdef int _fill(self, Statics statics, list cells, dict diff, dict templates, int depth) except -1
    cdef object _value(self, object value, dict templates, int depth)
    cdef object _build(self, dict diff, dict templates, int depth)
    cdef list _row(self, Statics statics, object entry, dict templates, int depth)
    cdef int _merge_into(self, object target, dict diff, dict templates, int depth) except -1
    cdef int _merge_rows(self, Rows target, dict diff, dict templates, int depth) except -1
    cdef int _merge_keyed(self, Rows target, dict keyed, dict templates, int depth) except -1
    cdef int _move(
        self, Rows target, list rows, dict keyed, Py_ssize_t count, dict templates, int depth
    ) except -1
    cdef tuple _merge_components(self, object diffs)
    cdef list _stream_rows(self, Statics statics, dict diff, dict templates, int depth)
    cdef list _copied_row(self, list row)
    cdef list _row_ids(self, StreamChange change, list rows)
    cdef bint _lost(self) except -1
    cdef int _prune(self, Changed changed) except -1
    cdef int _pin(self, Statics statics, list cells) except -1
    cdef int _merge_component(self, Py_ssize_t cid, Node known, dict diff) except -1
    cdef int _merge_sharing(self, dict diffs, dict clones) except -1
    cdef Node _clone(self, object cid)
    cdef int _set_component(self, Py_ssize_t cid, Node node) except -1
    cdef int _check(self) except -1
    cdef int _height(self, object value, dict heights) except -1
    cdef int _commit(self, Changed changed) except -1
    cdef int _roll_back(self) except -1
    cdef int _visit(self, object value, set cids, dict tables, set pins) except -1
    cdef int _visit_cells(self, Statics statics, list cells, set cids, dict tables, set pins) except -1
