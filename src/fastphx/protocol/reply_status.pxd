"""The status of a reply, found without decoding its response."""

from fastphx.protocol.frame_scan cimport Header

cdef enum ReplyStatus:
    STATUS_OK = 0
    STATUS_ERROR = 1
    STATUS_OTHER = 2            # another atom of the server's
    STATUS_MISSING = 3          # not a reply's payload

cdef int reply_status(const Header* header) except -1
