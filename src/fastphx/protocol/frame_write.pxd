"""Frames as either side writes them (vsn 2.0.0)."""

from libc.stdint cimport uint64_t

cdef enum:
    FRAME_OVERHEAD_BYTES = 64   # what a text or binary push takes in addition to its topic, event and payload

cdef class RawJson:
    cdef readonly bytes data

# *text* as UTF-8, owned by *text*. Raises EncodingError for a lone surrogate.
cdef const char* utf8(str text, Py_ssize_t* size, str what) except NULL

# The most bytes that write_push and write_binary_push need.
cdef Py_ssize_t push_bound(Py_ssize_t topic_size, Py_ssize_t event_size,
                           Py_ssize_t payload_size) noexcept nogil

# A client's text frame; a ref of 0 is written as null. Returns its size.
cdef Py_ssize_t write_push(char* out, uint64_t join_ref, uint64_t ref,
                           const char* topic, Py_ssize_t topic_size,
                           const char* event, Py_ssize_t event_size,
                           const char* payload, Py_ssize_t payload_size) noexcept nogil

# A client's binary frame. Raises EncodingError for a field over 255 bytes.
cdef Py_ssize_t write_binary_push(char* out, uint64_t join_ref, uint64_t ref,
                                  const char* topic, Py_ssize_t topic_size,
                                  const char* event, Py_ssize_t event_size,
                                  const char* payload, Py_ssize_t payload_size) except -1
