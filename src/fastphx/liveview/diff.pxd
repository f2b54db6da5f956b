"""What a message of the server says: a diff's parts, checked."""

from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject
from cpython.unicode cimport (
    PyUnicode_CheckExact,
    PyUnicode_DATA,
    PyUnicode_GET_LENGTH,
    PyUnicode_KIND,
    PyUnicode_READ,
    PyUnicode_READ_CHAR,
)

from fastphx.liveview.nodes cimport Statics

cdef enum:
    # The keys of a diff that are letters, as `letters_of` tells of them.
    HAS_C = 1 << 2      # components
    HAS_E = 1 << 4      # events
    HAS_P = 1 << 15     # templates
    HAS_R = 1 << 17     # a reply, or that there is one root element
    HAS_S = 1 << 18     # statics
    HAS_T = 1 << 19     # a title
    HAS_OTHERS = 1 << 26    # keys that are no letters: cells

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
cdef Changed head_of(dict diff, int letters)
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

cdef inline int letters_of(dict diff) noexcept:
    """The lower-case letters among the keys, bit 0 for `a`, and whether there are other keys. To look at each
    key once is cheaper than to ask the dict for each letter."""
    cdef int letters = 0
    cdef Py_ssize_t at = 0
    cdef unsigned int letter
    cdef PyObject* key
    while PyDict_Next(diff, &at, &key, NULL):
        letter = 26
        if PyUnicode_CheckExact(<object>key) and PyUnicode_GET_LENGTH(<object>key) == 1:
            letter = min(<unsigned int>PyUnicode_READ_CHAR(<object>key, 0) - 97, letter)
        letters |= 1 << letter
    return letters
