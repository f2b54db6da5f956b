from cpython.object cimport PyObject
from libc.string cimport memcmp

from fastphx.protocol.frame_scan cimport KIND_OBJECT, KIND_REPLY, skip_space
from fastphx.protocol.json_string cimport scan_string

from fastphx.protocol import json_value

cdef object _loads = json_value.loads


cdef inline int status_of(const char* data, Py_ssize_t size) noexcept nogil:
    if size == 2 and memcmp(data, "ok", 2) == 0:
        return STATUS_OK
    if size == 5 and memcmp(data, "error", 5) == 0:
        return STATUS_ERROR
    return STATUS_OTHER


cdef int scan_status(const char* at, const char* end) noexcept nogil:
    """Look for "status" in the members of a JSON object. -1 if only a real decoder can tell."""
    cdef int status = STATUS_MISSING
    cdef int depth = 0
    cdef bint escaped = False
    cdef bint wants_key = False
    cdef const char* data = NULL
    cdef Py_ssize_t size = 0
    while at < end:
        if at[0] == c'"':
            at += 1
            if scan_string(&at, end, &data, &size, &escaped) != NULL:
                return STATUS_MISSING
            if depth == 1 and wants_key:
                wants_key = False
                if escaped:
                    return -1
                if size == 6 and memcmp(data, "status", 6) == 0:
                    at = skip_space(at, end)
                    if at >= end or at[0] != c":":
                        return STATUS_MISSING
                    at = skip_space(at + 1, end)
                    if at >= end or at[0] != c'"':
                        # If there are several, the last one counts, as for orjson.
                        status = STATUS_MISSING
                        continue
                    at += 1
                    if scan_string(&at, end, &data, &size, &escaped) != NULL:
                        return STATUS_MISSING
                    if escaped:
                        return -1
                    status = status_of(data, size)
            continue
        if at[0] == c"{" or at[0] == c"[":
            depth += 1
            wants_key = at[0] == c"{" and depth == 1
        elif at[0] == c"}" or at[0] == c"]":
            depth -= 1
        elif at[0] == c"," and depth == 1:
            wants_key = True
        at += 1
    return status


cdef int reply_status(const Header* header) except -1:
    cdef const char* data = header.payload
    cdef Py_ssize_t size = header.payload_size
    cdef int status
    if header.kind == KIND_REPLY:
        return status_of(header.event.data, header.event.size)
    if header.kind == KIND_OBJECT and header.payload_object != NULL:
        return object_status(<object><PyObject*>header.payload_object)
    if size < 2 or data[0] != c"{":
        return STATUS_MISSING
    # Jason writes the keys in order, so Phoenix ends a reply this way. The quote behind the comma opens a
    # key, and the brace closes the object that began with the first byte: nothing nested can look like it.
    if size > 15 and memcmp(data + size - 15, ',"status":"ok"}', 15) == 0:
        return STATUS_OK
    if size > 18 and memcmp(data + size - 18, ',"status":"error"}', 18) == 0:
        return STATUS_ERROR
    status = scan_status(data, data + size)
    if status >= 0:
        return status
    try:
        return object_status(_loads(data[:size]))
    except ValueError:
        return STATUS_MISSING


cdef int object_status(object payload) except -1:
    cdef object status = payload.get("status") if isinstance(payload, dict) else None
    if not isinstance(status, str):
        return STATUS_MISSING
    if status == "ok":
        return STATUS_OK
    return STATUS_ERROR if status == "error" else STATUS_OTHER
