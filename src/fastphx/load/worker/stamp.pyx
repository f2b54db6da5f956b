import cython

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy


@cython.final
cdef class Stamp:
    """The place in *payload*, compact JSON, where ``"key":"host:0000"`` stands: when a push was due, in
    nanoseconds, goes into the digits. Raises ValueError where there is no such place.
    """

    def __init__(self, bytes payload not None, str key not None):
        cdef bytes quoted = b'"%b"' % key.encode()
        self._key_at = payload.find(quoted + b':"')
        if self._key_at < 0:
            raise ValueError("a stamped payload has no place for the stamp")
        self._key_size = len(quoted)
        self._host_at = self._key_at + self._key_size + 2
        self._digits_at = payload.find(b":", self._host_at) + 1
        self._host_size = self._digits_at - self._host_at
        self._digits = payload.find(b'"', self._host_at) - self._digits_at
        if self._host_size <= 0 or self._digits <= 0:
            raise ValueError("a stamped payload has no place for the stamp")
        self.size = len(payload)
        free(self.payload)
        self.payload = <char*>malloc(<size_t>self.size)
        if self.payload == NULL:
            raise MemoryError
        memcpy(self.payload, PyBytes_AS_STRING(payload), <size_t>self.size)

    def __dealloc__(self):
        free(self.payload)
