from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastphx.protocol.call cimport call_one
from fastphx.protocol.hash cimport same_bytes
from fastphx.protocol.sink cimport Frame, FrameSource

import secrets
import sys

import orjson

cdef extern from "Python.h":
    void PyErr_Clear() noexcept
    bint PyList_CheckExact(PyObject* o) noexcept
    Py_ssize_t PyList_GET_SIZE(PyObject* o) noexcept
    PyObject* PyList_GET_ITEM(PyObject* o, Py_ssize_t index) noexcept
    bint PyLong_CheckExact(PyObject* o) noexcept
    Py_ssize_t PyLong_AsSsize_t(PyObject* o) noexcept

cdef extern from *:
    """
    /* What an element of a list is; the list has None in its place. */
    static CYTHON_INLINE PyObject *fastphx_move_out(PyObject *list, Py_ssize_t index) {
        PyObject *element = PyList_GET_ITEM(list, index);
        Py_INCREF(Py_None);
        PyList_SET_ITEM(list, index, Py_None);
        return element;
    }

    /* Bytes that nobody else has a reference to end earlier, or later within their memory. */
    static CYTHON_INLINE void fastphx_resize(PyObject *bytes, Py_ssize_t size) {
        PyBytes_AS_STRING(bytes)[size] = 0;
        Py_SET_SIZE((PyVarObject *)bytes, size);
    }
    """
    PyObject* move_out "fastphx_move_out" (PyObject* list, Py_ssize_t index) noexcept
    void resize "fastphx_resize" (PyObject* target, Py_ssize_t size) noexcept

cdef object _loads = orjson.loads

# Between two payloads of the array stands a number that nobody outside of this process knows. A payload holds
# it by a chance of one in 2 ** 62 (in 2 ** 30 where a word has 32 bits). So where it is each second element,
# every payload is exactly one: pieces of JSON that make sense only together, such as `[1` and `2]`, do not
# pass for two.
cdef Py_ssize_t _number = sys.maxsize - secrets.randbelow(sys.maxsize // 2)
cdef bytes _separator = b",%19d," % _number
cdef enum:
    SEPARATOR_BYTES = 21

cdef bytes _array = PyBytes_FromStringAndSize(NULL, MAX_PAYLOADS * (MAX_PAYLOAD_BYTES + SEPARATOR_BYTES) + 1)
cdef Py_ssize_t[MAX_PAYLOADS] _starts
cdef Py_ssize_t[MAX_PAYLOADS] _sizes
# What came of the array. A payload is in it only until it is given out: so nothing but orjson's own objects
# goes with it, and nobody's code runs then.
cdef list _elements = None
cdef int _count = 0             # payloads in it
cdef int _next = 0              # the first that was not given out yet
# A garbage collection within orjson may do anything, and so may its exception's __init__.
cdef bint _is_decoding = False

cdef PyObject* _source = NULL   # borrowed
# Payloads used since some were decoded for nothing, and their size, with a separator for each.
cdef Py_ssize_t _streak = 0
cdef Py_ssize_t _gain_bytes = 0
cdef int _pause = 0             # payloads to be read until the next try
cdef int _last_pause = 0
cdef uint64_t _used = 0
cdef uint64_t _wasted = 0


def counts():
    return {"used": _used, "wasted": _wasted}


cdef void begin_frames(FrameSource source) noexcept:
    global _source
    _source = <PyObject*>source


cdef void end_frames() noexcept:
    global _source
    _source = NULL
    if _count:
        miss()


cdef PyObject* decoded_ahead(bytes raw, const char* head, Py_ssize_t head_size) noexcept:
    global _pause
    if _count:
        if PyBytes_GET_SIZE(raw) == _sizes[_next] and same_bytes(
                PyBytes_AS_STRING(raw), PyBytes_AS_STRING(_array) + _starts[_next], _sizes[_next]):
            return take()
        miss()
    if _source == NULL or _is_decoding or PyBytes_GET_SIZE(raw) > MAX_PAYLOAD_BYTES:
        return NULL
    if _pause:
        _pause -= 1
        return NULL
    return decode_array(raw, head, head_size)


cdef inline PyObject* take() noexcept:
    global _next, _used, _streak, _gain_bytes
    cdef PyObject* payload = move_out(<PyObject*>_elements, 2 * _next)
    _gain_bytes += SEPARATOR_BYTES + _sizes[_next]
    _next += 1
    _used += 1
    _streak += 1
    if _next == _count:
        drop()
    return payload


cdef void drop() noexcept:
    global _elements, _count
    _count = 0
    _elements = None


cdef void miss() noexcept:
    """What is left of the array is not what is read."""
    cdef int left = _count - _next
    cdef Py_ssize_t size = _starts[_count - 1] + _sizes[_count - 1] - _starts[_next]
    drop()
    back_off(left, size)


cdef void back_off(int payloads, Py_ssize_t size) noexcept:
    """So many payloads, of *size* bytes, were decoded for nothing."""
    global _wasted, _streak, _gain_bytes, _pause, _last_pause
    _wasted += <uint64_t>payloads
    _last_pause = 0 if _gain_bytes >= WORTH_A_MISS * size else min(2 * _last_pause + 1, MAX_PAUSE)
    _pause = _last_pause
    _streak = 0
    _gain_bytes = 0


cdef PyObject* decode_array(bytes raw, const char* head, Py_ssize_t head_size) noexcept:
    global _elements, _count, _next, _is_decoding
    cdef Frame[MAX_PAYLOADS] frames
    cdef PyObject* elements
    cdef PyObject* payload
    cdef int count = (<FrameSource>_source).peek_frames(frames, <int>min(_streak + 1, MAX_PAYLOADS - 1))
    if count == 0:
        return NULL
    count = write_array(raw, frames, count, head, head_size)
    if count == 1:
        return NULL
    _is_decoding = True
    elements = call_one(<PyObject*>_loads, <PyObject*>_array)
    _is_decoding = False
    if elements == NULL:
        PyErr_Clear()
        back_off(count, PyBytes_GET_SIZE(_array))
        return NULL
    if not comes_apart(elements, count):
        Py_DECREF(<object>elements)
        back_off(count, PyBytes_GET_SIZE(_array))
        return NULL
    payload = move_out(elements, 0)
    _elements = <list>elements
    Py_DECREF(_elements)
    _count = count
    _next = 1
    return payload


cdef int write_array(bytes raw, const Frame* frames, int available, const char* head,
                     Py_ssize_t head_size) noexcept:
    """One of *raw* and of the payloads of the next frames, as far as those begin with *head*. Returns how
    many payloads it has."""
    cdef char* start = PyBytes_AS_STRING(_array)
    cdef char* at = start
    cdef Py_ssize_t size = PyBytes_GET_SIZE(raw)
    cdef const char* data = PyBytes_AS_STRING(raw)
    cdef const char* separator = PyBytes_AS_STRING(_separator)
    cdef int count = 0
    at[0] = c"["
    at += 1
    while True:
        if count:
            memcpy(at, separator, SEPARATOR_BYTES)
            at += SEPARATOR_BYTES
        memcpy(at, data, <size_t>size)
        _starts[count] = at - start
        _sizes[count] = size
        at += size
        count += 1
        if count > available:
            break
        data = frames[count - 1].data
        size = frames[count - 1].size - head_size - 1
        # White space around a payload is not in its `raw`, so none is looked for.
        if not 0 < size <= MAX_PAYLOAD_BYTES or not same_bytes(data, head, head_size):
            break
        data += head_size
    at[0] = c"]"
    resize(<PyObject*>_array, at + 1 - start)
    return count


cdef bint comes_apart(PyObject* elements, int count) noexcept:
    """Whether the array has each payload as one element."""
    cdef PyObject* number
    cdef Py_ssize_t index
    if not PyList_CheckExact(elements) or PyList_GET_SIZE(elements) != 2 * count - 1:
        return False
    for index in range(1, 2 * count - 1, 2):
        number = PyList_GET_ITEM(elements, index)
        if not PyLong_CheckExact(number):
            return False
        # One that is too large for a word leaves an exception, and -1.
        if PyLong_AsSsize_t(number) != _number:
            PyErr_Clear()
            return False
    return True
