"""The stamp of a push: which machine sent it, and when it was due. Written and read in place, in C."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp

from fastphx.operating_system.system_calls cimport find_bytes
from fastphx.protocol.frame_scan cimport Header

cdef enum Stamped:
    STAMPED_NOT             # there is no stamp, or none of a time that was
    STAMPED_FOREIGN         # another machine's, whose clock is not ours
    STAMPED_HERE

cdef class Stamp:
    cdef char* payload                      # with its stamp, as it was last written
    cdef Py_ssize_t size
    cdef Py_ssize_t _key_at                 # in the payload, with its quotes
    cdef Py_ssize_t _key_size
    cdef Py_ssize_t _host_at                # in the payload, with its colon
    cdef Py_ssize_t _host_size
    cdef Py_ssize_t _digits_at
    cdef Py_ssize_t _digits

    cdef inline void write(self, int64_t due_ns) noexcept nogil:
        """Put *due_ns*, 0 or more, into the payload."""
        cdef char* digits = self.payload + self._digits_at
        cdef Py_ssize_t at
        for at in range(self._digits - 1, -1, -1):
            digits[at] = <char>(48 + due_ns % 10)
            due_ns //= 10

    cdef inline Stamped read(self, const Header* header, int64_t* due_ns) noexcept nogil:
        """Find the stamp of a message; *due_ns* is set where it is of this machine."""
        cdef const char* end = header.payload + header.payload_size
        cdef const char* found = <const char*>find_bytes(
            header.payload, <size_t>header.payload_size,
            self.payload + self._key_at, <size_t>self._key_size)
        cdef int64_t stamp_ns = 0
        cdef Py_ssize_t at
        if found == NULL:
            return STAMPED_NOT
        found += self._key_size
        while found < end and (found[0] == c" " or found[0] == c":"):
            found += 1
        # The opening quote, the host and its colon, the digits.
        if end - found < 1 + self._host_size + self._digits or found[0] != c'"' \
                or found[self._host_size] != c":":
            return STAMPED_NOT
        found += 1
        if memcmp(found, self.payload + self._host_at, <size_t>self._host_size) != 0:
            return STAMPED_FOREIGN
        found += self._host_size
        for at in range(self._digits):
            if not c"0" <= found[at] <= c"9" or stamp_ns > header.now_ns:
                return STAMPED_NOT
            stamp_ns = stamp_ns * 10 + (found[at] - c"0")
        if stamp_ns > header.now_ns:
            return STAMPED_NOT
        due_ns[0] = stamp_ns
        return STAMPED_HERE
