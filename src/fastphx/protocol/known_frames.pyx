from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from fastphx.protocol.frame_scan cimport (
    REF_NULL, REF_OTHER, Header, clear, release, scan, scan_names, scan_payload, scan_refs, skip_space,
)
from fastphx.protocol.hash cimport hash_bytes, same_bytes
from fastphx.protocol.sink cimport OPCODE_TEXT

cdef enum:
    NAMES_BYTES = 104
    KNOWN_NAMES = 64            # a power of two; 10 KB for the whole process
    HEADER_BYTES = NAMES_BYTES + 24

cdef struct KnownNames:
    # A topic and an event, as they were in frames: `"room:lobby","new_msg",`
    Py_ssize_t size             # 0: none
    char[NAMES_BYTES] data
    Py_ssize_t topic_size
    Py_ssize_t event_at
    Py_ssize_t event_size
    void* event_text            # owned
    uint64_t candidate          # the hash of the last names that were not these

cdef struct KnownHeader:
    # Everything before a payload, as it was in the last frames: `["1",null,"room:lobby","new_msg",`
    Py_ssize_t size             # 0: none
    uint64_t number             # from 1, no two headers have the same
    char[HEADER_BYTES] data
    uint64_t join_ref
    uint8_t join_ref_type       # REF_NULL or REF_NUMBER; there is no ref
    uint8_t join_ref_quoted
    bint is_plain
    Py_ssize_t topic_at
    Py_ssize_t topic_size
    Py_ssize_t event_at
    Py_ssize_t event_size
    void* event_text            # owned

cdef KnownNames[KNOWN_NAMES] _known
memset(_known, 0, sizeof(_known))
cdef KnownNames* _last_known = NULL     # of the last frame; NULL if that had the known header
cdef KnownHeader _last_header
memset(&_last_header, 0, sizeof(_last_header))


cdef const char* scan_known(const char* data, Py_ssize_t size, int opcode, Header* header,
                            Py_ssize_t* position):
    cdef const char* at
    cdef const char* reason
    global _last_known
    if opcode != OPCODE_TEXT:
        return scan(data, size, opcode, False, header, position)
    if _last_header.size == 0 or size < _last_header.size or not same_bytes(
            _last_header.data, data, _last_header.size):
        return scan_text(data, size, header, position)
    _last_known = NULL
    clear(header, size)
    take_header(data, header)
    at = skip_space(data + _last_header.size, data + size)
    reason = scan_payload(&at, data + size, header)
    if reason != NULL:
        position[0] = at - data
    return reason


cdef const char* scan_text(const char* data, Py_ssize_t size, Header* header, Py_ssize_t* position):
    """A text frame whose header is not the known one."""
    cdef KnownNames* known
    cdef const char* at = data
    cdef const char* end = data + size
    cdef const char* start
    cdef const char* reason
    cdef uint64_t hash
    global _last_known
    clear(header, size)
    reason = scan_refs(&at, end, header)
    if reason == NULL and end - at > 20:
        start = at
        # In these bytes, names of a usual length differ.
        hash = hash_bytes(start + 2, 16)
        known = &_known[hash & (KNOWN_NAMES - 1)]
        if 0 < known.size <= end - start and same_bytes(known.data, start, known.size):
            header.topic.data = start + 1
            header.topic.size = known.topic_size
            header.event.data = start + known.event_at
            header.event.size = known.event_size
            header.event_text = known.event_text
            if known == _last_known:
                remember_header(data, start + known.size - data, header)
            _last_known = known
            at = skip_space(start + known.size, end)
        else:
            reason = scan_names(&at, end, header)
            if known.candidate == hash and reason == NULL:
                remember(known, start, header)
            known.candidate = hash
    elif reason == NULL:
        reason = scan_names(&at, end, header)
    if reason == NULL:
        reason = scan_payload(&at, end, header)
    if reason != NULL:
        position[0] = at - data
        release(header)
    return reason


cdef inline void take_header(const char* data, Header* header) noexcept nogil:
    """What `_last_header` says of a frame that begins with its bytes."""
    header.join_ref.type = _last_header.join_ref_type
    header.join_ref.quoted = _last_header.join_ref_quoted
    header.join_ref.number = _last_header.join_ref
    header.topic.data = data + _last_header.topic_at
    header.topic.size = _last_header.topic_size
    header.event.data = data + _last_header.event_at
    header.event.size = _last_header.event_size
    header.event_text = _last_header.event_text
    header.is_plain = _last_header.is_plain
    header.known = _last_header.number


cdef int remember_header(const char* data, Py_ssize_t size, const Header* header) except -1:
    """The header of a frame whose names the frame before had too. One for the process is enough: where topics
    alternate no header comes twice in a row, and a reply's ref is never the same."""
    cdef PyObject* old = <PyObject*>_last_header.event_text
    if size > HEADER_BYTES or header.ref.type != REF_NULL or header.join_ref.type == REF_OTHER:
        return 0
    _last_header.size = size
    _last_header.number += 1
    memcpy(_last_header.data, data, <size_t>size)
    _last_header.join_ref_type = header.join_ref.type
    _last_header.join_ref_quoted = header.join_ref.quoted
    _last_header.join_ref = header.join_ref.number
    _last_header.topic_at = header.topic.data - data
    _last_header.topic_size = header.topic.size
    _last_header.event_at = header.event.data - data
    _last_header.event_size = header.event.size
    _last_header.is_plain = header.event.size != 9 or memcmp(header.event.data, "phx_", 4) != 0
    _last_header.event_text = header.event_text
    Py_INCREF(<object><PyObject*>_last_header.event_text)
    Py_XDECREF(old)
    return 0


cdef int remember(KnownNames* known, const char* start, const Header* header) except -1:
    """Keep names that have come twice in a row, among the names of the same slot."""
    cdef const char* end = header.event.data + header.event.size + 1
    cdef str event
    cdef PyObject* old
    if header.scratch_used or header.heap != NULL:
        # With an escape, the header does not point into the frame.
        return 0
    while end[0] != c",":
        # After white space: the scan has found the comma behind it.
        end += 1
    if end + 1 - start > NAMES_BYTES:
        return 0
    event = intern_event(header.event.data, header.event.size)
    Py_INCREF(event)
    old = <PyObject*>known.event_text
    known.size = end + 1 - start
    memcpy(known.data, start, <size_t>known.size)
    known.topic_size = header.topic.size
    known.event_at = header.event.data - start
    known.event_size = header.event.size
    known.event_text = <void*>event
    Py_XDECREF(old)
    return 0


cdef enum:
    EVENT_SLOTS = 1024          # a power of two; 24 KB for the whole process

cdef struct EventSlot:
    const char* data
    Py_ssize_t size
    PyObject* text

cdef EventSlot[EVENT_SLOTS] _events
memset(_events, 0, sizeof(_events))


cdef str intern_event(const char* data, Py_ssize_t size):
    # Two-way associative: two hot events that share a slot do not evict each other.
    cdef Py_ssize_t index = <Py_ssize_t>(hash_bytes(data, size) & (EVENT_SLOTS - 1))
    cdef EventSlot* slot = &_events[index]
    if slot.text != NULL and slot.size == size and same_bytes(slot.data, data, size):
        return <str>slot.text
    slot = &_events[index ^ 1]
    if slot.text != NULL and slot.size == size and same_bytes(slot.data, data, size):
        return <str>slot.text
    cdef str text = PyUnicode_DecodeUTF8(data, size, NULL)
    if size > 255:
        return text
    if _events[index].text == NULL:
        slot = &_events[index]
    cdef PyObject* old = slot.text
    slot.data = PyUnicode_AsUTF8AndSize(text, &slot.size)
    Py_INCREF(text)
    slot.text = <PyObject*>text
    Py_XDECREF(old)
    return text
