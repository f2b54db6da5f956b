"""A stream's rows. The server forgets them once sent, so the client keeps them, as a browser's DOM does."""

cdef class StreamChange:
    cdef readonly str ref
    cdef readonly dict inserts      # id: (at, limit, update_only)
    cdef readonly list deletes      # of ids
    cdef readonly bint reset

cdef object BEFORE                  # they stand for what else is in a stream's element
cdef object AFTER

cdef class StreamRows:
    cdef list _order                # of ids, BEFORE and AFTER
    cdef bint _before               # whether the element has something before its rows
    cdef bint _after
    cdef bint _patched              # whether the element was there before
    cdef dict _rows                 # id: Node, for a row keeps the statics that it came with
    cdef list change(self, StreamChange change, list ids, list rows)
    cdef int others(self, bint before, bint after, bint patched) except -1
    cdef list children(self)
    cdef int _put(self, str row_id, Py_ssize_t at) except -1
    cdef int _limit(self, Py_ssize_t limit, list gone) except -1

cdef StreamChange stream_change(object value)
