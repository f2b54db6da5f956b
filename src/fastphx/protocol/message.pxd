"""One message, as a callback gets it. What nobody reads is not decoded."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t, uint64_t

from fastphx.protocol.frame_scan cimport Header

cdef class Message:
    cdef readonly str topic
    cdef readonly str event
    cdef readonly bytes raw
    # Few object fields: each costs a dozen instructions a message, used or not.
    cdef object _payload        # if `_has_payload`; else the user's decoder, or None
    cdef tuple _rare            # (join_ref, ref, status): refs that are REF_OTHER, a binary reply's status
    cdef Py_ssize_t _room       # how many bytes `raw` has memory for, if it is this message's own; else 0
    cdef uint64_t _join_ref_number
    cdef uint64_t _ref_number
    cdef uint64_t _known        # the number of the known header that it was filled from; 0: none
    # Of the frame, if another serializer decoded it: `raw` is empty then. Negative: of what it became.
    cdef Py_ssize_t _frame_size
    cdef uint8_t _join_ref_type
    cdef uint8_t _ref_type
    cdef uint8_t _join_ref_quoted
    cdef uint8_t _ref_quoted
    cdef readonly bint is_binary
    cdef readonly bint is_reply
    cdef bint _has_payload
    cpdef Py_ssize_t byte_count(self) except -1
    cdef object _read_payload(self)
    cdef int _decode(self) except -1
    cdef int _decode_exactly(self, PyObject* payload) except -1
    cdef int _decode_otherwise(self) except -1
    cdef int _take_payload(self, PyObject* payload) except -1
    cdef int _undecodable(self) except -1
    cdef object _ref_value(self, uint8_t type, uint8_t quoted, uint64_t number, int rare)
    cdef object _no_reply(self)

# An owned Message. *topic* saves making a str if it is known; None otherwise.
cdef Message message_from_header(const Header* header, str topic)

# Give back a Message that was handed out. If the caller holds the only reference, it is used again.
cdef void recycle(Message message) noexcept

# Raise the exception that a C call has set.
cdef int raise_pending() except -1
