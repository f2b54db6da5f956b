"""A stream's rows. The server forgets them once sent, so the client keeps them, as a browser's DOM does."""

cdef class StreamChange:
    cdef readonly str ref
    cdef readonly dict inserts      # id: (at, limit, update_only)
    cdef readonly list deletes      # of ids
    cdef readonly bint reset

cdef class StreamRows:
    cdef list _order                # of ids
    cdef dict _rows                 # id: Node, for a row keeps the statics that it came with
    cdef list change(self, StreamChange change, list ids, list rows)
    cdef int _limit(self, Py_ssize_t limit, list gone) except -1

cdef StreamChange stream_change(object value)
