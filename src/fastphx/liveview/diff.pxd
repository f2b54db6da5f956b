"""What a message of the server says: a diff's parts, checked."""

from cpython.unicode cimport PyUnicode_DATA, PyUnicode_GET_LENGTH, PyUnicode_KIND, PyUnicode_READ

from fastphx.liveview.nodes cimport Statics

cdef class Changed:
    cdef readonly bint dom
    cdef readonly tuple events_before
    cdef readonly tuple events
    cdef readonly str title
    cdef readonly object reply
    cdef readonly tuple new_cids
    cdef readonly tuple removed_cids

cdef dict templates_of(object value)
cdef Statics statics_in(object value, dict templates)
cdef Changed head_of(dict diff)
cdef Py_ssize_t count_of(dict keyed) except -1

cdef inline Py_ssize_t number(str key) noexcept:
    """The number that *key* is, or -1: of seven digits at most, so it cannot overflow."""
    cdef Py_ssize_t length = PyUnicode_GET_LENGTH(key)
    cdef Py_ssize_t value = 0
    cdef Py_ssize_t at
    cdef long digit
    cdef int kind = PyUnicode_KIND(key)
    cdef void* data = PyUnicode_DATA(key)
    if length == 0 or length > 7:
        return -1
    for at in range(length):
        digit = PyUnicode_READ(kind, data, at)
        if digit < 48 or digit > 57:
            return -1
        value = 10 * value + digit - 48
    return value
