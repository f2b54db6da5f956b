import cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_Clear
from cpython.long cimport PyLong_FromUnsignedLongLong
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint64_t

from fastphx.protocol.call cimport call_builtin, call_one, takes_one
from fastphx.protocol.frame_scan cimport (
    KIND_OBJECT, KIND_REPLY, KIND_TEXT, REF_NULL, REF_NUMBER, REF_OTHER, Header, Ref, is_reply, release,
    scan, scan_error,
)
from fastphx.protocol.json_value cimport may_hold_long_integer
from fastphx.protocol.known_frames cimport intern_event
from fastphx.protocol.sink cimport OPCODE_TEXT

import sys

import orjson

from fastphx.errors import DecodeError, clip
from fastphx.foreign_text import visible
from fastphx.protocol.json_value import loads as _exact_loads
from fastphx.protocol.payload_size import payload_bytes as _payload_bytes

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept
    object PyObject_GenericGetAttr(object o, object name)

cdef extern from *:
    """
    #if defined(__GNUC__)
    #pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    #endif
    /* Bytes that nobody else has a reference to, and that have memory for *size*, get another content: what
       PyBytes_FromStringAndSize does, but for the memory. */
    static CYTHON_INLINE void fastphx_refill(PyObject *bytes, const char *data, Py_ssize_t size) {
        memcpy(PyBytes_AS_STRING(bytes), data, (size_t)size);
        PyBytes_AS_STRING(bytes)[size] = 0;
        Py_SET_SIZE((PyVarObject *)bytes, size);
        ((PyBytesObject *)bytes)->ob_shash = -1;
    }

    /* What a variable owns, and owns no longer. */
    static CYTHON_INLINE PyObject *fastphx_take(PyObject **variable) {
        PyObject *object = *variable;
        *variable = NULL;
        return object;
    }
    """
    Message take "fastphx_take" (PyObject** variable)
    void refill "fastphx_refill" (PyObject* target, const char* data, Py_ssize_t size) noexcept

cdef object _loads = orjson.loads
cdef bint _loads_takes_one = takes_one(<PyObject*>_loads)
cdef str _PAYLOAD = sys.intern("payload")


cdef int raise_pending() except -1:
    """Raise the exception that a C call has set."""
    return -1


@cython.final
@cython.freelist(256)
# A collection would look at every message of a queue for nothing: by themselves, they refer to no container.
@cython.no_gc
cdef class Message:
    def __init__(self):
        raise TypeError("a Message comes from decode(), or from a session")

    @property
    def join_ref(self):
        return self._ref_value(self._join_ref_type, self._join_ref_quoted, self._join_ref_number, 0)

    @property
    def ref(self):
        return self._ref_value(self._ref_type, self._ref_quoted, self._ref_number, 1)

    cdef object _ref_value(self, uint8_t type, uint8_t quoted, uint64_t number, int rare):
        if type == REF_NULL:
            return None
        if type == REF_OTHER:
            return self._rare[rare]
        value = PyLong_FromUnsignedLongLong(number)
        return str(value) if quoted else value

    @property
    def join_ref_number(self):
        return self._join_ref_number if self._join_ref_type == REF_NUMBER else None

    @property
    def ref_number(self):
        return self._ref_number if self._ref_type == REF_NUMBER else None

    @property
    def decoder(self):
        return None if self._has_payload else self._payload

    @decoder.setter
    def decoder(self, decoder):
        if not self._has_payload:
            self._payload = decoder

    def __getattribute__(self, name):
        # Most callbacks read only this attribute: it is found without a search through the type.
        if name is _PAYLOAD:
            return self._read_payload()
        return PyObject_GenericGetAttr(self, name)

    @property
    def payload(self):
        return self._read_payload()

    cpdef Py_ssize_t byte_count(self) except -1:
        cdef Py_ssize_t size = PyBytes_GET_SIZE(self.raw)
        if size == 0 and self._frame_size > 0:
            # Counted once, because a payload may be changed. The frame may have been compressed.
            self._frame_size = -max(self._frame_size, <Py_ssize_t>_payload_bytes(self._payload))
        return size if size else -self._frame_size

    cdef inline object _read_payload(self):
        if not self._has_payload:
            self._decode()
        return self._payload

    cdef int _decode(self) except -1:
        cdef PyObject* payload
        if self.is_binary or self._payload is not None or not _loads_takes_one:
            return self._decode_otherwise()
        # Called this way, a decoder that does not raise costs no set-up of a try.
        payload = call_builtin(<PyObject*>_loads, <PyObject*>self.raw)
        if may_hold_long_integer(PyBytes_AS_STRING(self.raw), PyBytes_GET_SIZE(self.raw)):
            return self._decode_exactly(payload)
        return self._undecodable() if payload == NULL else self._take_payload(payload)

    cdef int _decode_exactly(self, PyObject* payload) except -1:
        """Whether *payload*, a reference or NULL with an exception set, may have a float for an integer."""
        if payload == NULL:
            PyErr_Clear()
        else:
            Py_DECREF(<object>payload)
        payload = call_one(<PyObject*>_exact_loads, <PyObject*>self.raw)
        return self._undecodable() if payload == NULL else self._take_payload(payload)

    cdef int _decode_otherwise(self) except -1:
        """Decode a binary payload, or one for the user's own decoder."""
        cdef object decoder = None if self.is_reply else self._payload
        cdef PyObject* payload
        if self.is_binary and decoder is None:
            self._payload = {"status": self._rare[2], "response": self.raw} if self.is_reply else self.raw
            self._has_payload = True
            return 0
        payload = call_one(
            <PyObject*>_exact_loads if decoder is None else <PyObject*>decoder, <PyObject*>self.raw)
        return self._undecodable() if payload == NULL else self._take_payload(payload)

    cdef inline int _take_payload(self, PyObject* payload) except -1:
        self._payload = <object>payload
        Py_DECREF(self._payload)
        self._has_payload = True
        return 0

    cdef int _undecodable(self) except -1:
        """Turn what the decoder raised into a DecodeError."""
        try:
            raise_pending()
        except Exception as error:
            raise DecodeError(
                f"a payload cannot be decoded ({error})",
                position=getattr(error, "pos", -1),
                excerpt=clip(self.raw),
                topic=self.topic,
                event=self.event,
            ) from error

    @property
    def status(self):
        payload = self.payload if self.is_reply else None
        status = payload.get("status") if isinstance(payload, dict) else None
        if not isinstance(status, str):
            raise self._no_reply()
        return status

    @property
    def response(self):
        payload = self.payload if self.is_reply else None
        if not isinstance(payload, dict) or "response" not in payload:
            raise self._no_reply()
        return payload["response"]

    cdef object _no_reply(self):
        return DecodeError("this is not a reply", excerpt=clip(self.raw), topic=self.topic, event=self.event)

    def __repr__(self):
        refs = f"join_ref={visible(str(self.join_ref))} ref={visible(str(self.ref))}"
        return f"<Message {visible(self.event)} on {visible(self.topic)} {refs} {clip(self.raw)}>"


cdef object other_ref(const Ref* ref, int kind):
    cdef bytes token = ref.data[:ref.size]
    return _loads(token) if kind == KIND_TEXT else token.decode("utf-8")


cdef tuple rare_fields(const Header* header):
    return (
        other_ref(&header.join_ref, header.kind) if header.join_ref.type == REF_OTHER else None,
        other_ref(&header.ref, header.kind) if header.ref.type == REF_OTHER else None,
        intern_event(header.event.data, header.event.size) if header.kind == KIND_REPLY else None,
    )


cdef enum:
    MAX_SPARE_BYTES = 1024      # of a payload whose memory is kept for the next one

# The last Message that a callback did not keep, with the bytes of its payload if nobody kept those either.
# Making a new one costs as much as filling it. Owned; NULL: there is none.
cdef PyObject* _spare = NULL


cdef void recycle(Message message) noexcept:
    global _spare
    if Py_REFCNT(<PyObject*>message) != 1 or _spare != NULL:
        return
    if Py_REFCNT(<PyObject*>message.raw) != 1 or message._room > MAX_SPARE_BYTES:
        message.raw = b""
        message._room = 0
    if message._payload is not None:
        message._payload = None
    if message._rare is not None:
        message._rare = None
    message._frame_size = 0
    message._has_payload = False
    Py_INCREF(message)
    _spare = <PyObject*>message


cdef inline void fill(Message message, const Header* header) noexcept:
    message._known = header.known
    message._join_ref_type = header.join_ref.type
    message._join_ref_quoted = header.join_ref.quoted
    message._join_ref_number = header.join_ref.number
    message._ref_type = header.ref.type
    message._ref_quoted = header.ref.quoted
    message._ref_number = header.ref.number
    message.is_reply = not header.is_plain and is_reply(header)
    message.is_binary = header.kind != KIND_TEXT and header.kind != KIND_OBJECT


cdef Message message_from_header(const Header* header, str topic):
    cdef Message message
    if _spare == NULL or topic is None or not 0 < header.payload_size <= (<Message>_spare)._room or (
            header.known == 0 and (
                header.event_text == NULL or header.kind != KIND_TEXT
                or header.join_ref.type == REF_OTHER or header.ref.type == REF_OTHER)):
        return new_message(header, topic)
    message = take(&_spare)
    # With the same header, it already has all the values.
    if header.known == 0 or message._known != header.known:
        fill(message, header)
        message.event = <str><PyObject*>header.event_text
    # Mostly it has not changed, and a comparison costs less than counting references.
    if message.topic is not topic:
        message.topic = topic
    refill(<PyObject*>message.raw, header.payload, header.payload_size)
    return message


cdef Message new_message(const Header* header, str topic):
    """A message with new names, or with a payload for which no memory is at hand."""
    cdef Message message
    cdef str event
    # First of all: an allocation below may start a garbage collection, which runs somebody's code, and that
    # may put another event where this one's text is borrowed from.
    if header.kind == KIND_REPLY:
        event = "phx_reply"
    elif header.event_text != NULL:
        event = <str><PyObject*>header.event_text
    else:
        event = intern_event(header.event.data, header.event.size)
    message = take(&_spare) if _spare != NULL else Message.__new__(Message)
    message.event = event
    if topic is None:
        topic = PyUnicode_DecodeUTF8(header.topic.data, header.topic.size, NULL)
    message.topic = topic
    fill(message, header)
    if header.join_ref.type == REF_OTHER or header.ref.type == REF_OTHER or header.kind == KIND_REPLY:
        message._rare = rare_fields(header)
    if header.payload_object != NULL:
        message.raw = b""
        message._room = 0
        message._payload = <object><PyObject*>header.payload_object
        message._has_payload = True
        message._frame_size = header.frame_size
        message.is_binary = isinstance(message._payload, bytes)
    elif 0 < header.payload_size <= message._room:
        refill(<PyObject*>message.raw, header.payload, header.payload_size)
    else:
        message.raw = PyBytes_FromStringAndSize(header.payload, header.payload_size)
        # CPython shares the bytes of such a short payload.
        message._room = header.payload_size if header.payload_size > 1 else 0
    return message


def decode(bytes frame, int opcode=OPCODE_TEXT, *, bint from_client=False):
    cdef Header header
    cdef Py_ssize_t position = 0
    if frame is None:
        raise TypeError("a frame is None: give bytes")
    cdef const char* data = PyBytes_AS_STRING(frame)
    cdef const char* reason = scan(data, PyBytes_GET_SIZE(frame), opcode, from_client, &header, &position)
    if reason != NULL:
        raise scan_error(reason, position, data, PyBytes_GET_SIZE(frame))
    try:
        return message_from_header(&header, None)
    finally:
        release(&header)
