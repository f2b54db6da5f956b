"""Topic join map: what is joined, under which join_ref, in which state."""

from libc.stdint cimport int64_t, uint64_t

cpdef enum JoinState:
    # The states of phoenix.js' CHANNEL_STATES, with the same names.
    CLOSED = 0
    JOINING = 1
    JOINED = 2
    LEAVING = 3
    ERRORED = 4

cdef class Join:
    cdef readonly str topic
    cdef const char* key                # the topic's UTF-8, owned by `topic`
    cdef Py_ssize_t key_size
    cdef uint64_t hash
    cdef uint64_t known                 # the number of the last known header with this topic; 0: none
    cdef readonly JoinState state
    cdef readonly uint64_t join_ref              # of the current join, whose ref it is too. 0: none
    cdef uint64_t leave_ref             # 0: none
    cdef int64_t deadline_ns            # of the pending join or leave; INT64_MAX: none
    cdef public object owner
    cdef dict handlers_of               # event -> callable, or None
    cdef str last_event                 # the event that was looked up last, and its handler or None
    cdef object last_handler
    cdef public object on_message

    cdef int look_up(self, str event) except -1
    """Make *event* the last one."""
    cdef int disconnect(self) noexcept
    """Be as without a connection."""

cdef class JoinMap:
    cdef void** slots                   # borrowed Join*, kept alive by `_joins`
    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t max_topics
    cdef dict _joins                    # topic -> Join; None below two topics
    cdef Join _last                     # the last one found; the only one below two topics

    cdef Join find(self, const char* key, Py_ssize_t size)
    """The topic's Join, or None, where it is not `_last`, which the caller has looked at. Looked up by the
    bytes on the wire: a known topic costs no str."""
    cdef Join get(self, str topic)
    cdef Join add(self, str topic)
    """The topic's Join, a new one (CLOSED) if there was none. Raises EncodingError, OverloadedError."""
    cdef int remove(self, Join join) except -1
    cdef list joins(self)
    """All of them, in the order they were added."""
    cdef int disconnect(self) except -1
    """Each is as without a connection; no memory is asked for."""
    cdef Py_ssize_t count(self, JoinState state) except -1
    """How many are in that state; no memory is asked for."""

    cdef int _resize(self, dict joins, Py_ssize_t capacity) except -1
    """Make a table of *joins*."""
    cdef void _place(self, Join join) noexcept

# The state's name, for an error message.
cdef str state_name(Join join)
