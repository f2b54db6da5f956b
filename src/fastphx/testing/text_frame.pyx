from fastphx.protocol.frame_write cimport RawJson

import orjson

from fastphx.errors import EncodingError, clip_repr
from fastphx.protocol import json_value
from fastphx.protocol.frame_write import encode, encode_reply

cdef object _dumps = orjson.dumps
cdef int _SORT_KEYS = orjson.OPT_SORT_KEYS


cdef bytes encode_payload(object payload):
    if type(payload) is RawJson:
        return (<RawJson>payload).data
    try:
        return _dumps(payload, None, _SORT_KEYS)
    except (TypeError, ValueError):
        pass
    try:
        return json_value.dumps(payload, _SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"a payload cannot be encoded ({error}): {clip_repr(payload)}") from error


cdef inline bytes object_frame(str topic, str event, bytes payload, object ref):
    """A frame of vsn 1.0.0, its keys in the order that Phoenix writes."""
    return b'{"event":%b,"payload":%b,"ref":%b,"topic":%b}' % (
        _dumps(event), payload, _dumps(ref), _dumps(topic))


cdef bytes text_frame(int vsn, object join_ref, object ref, str topic, str event, bytes payload):
    if vsn == 1:
        return object_frame(topic, event, payload, ref)
    return encode(join_ref, ref, topic, event, payload)


cdef bytes reply_frame(int vsn, object join_ref, object ref, str topic, str status, bytes response):
    if vsn == 1:
        return object_frame(
            topic, "phx_reply", b'{"response":%b,"status":%b}' % (response, _dumps(status)), ref)
    return encode_reply(join_ref, ref, topic, status, response)
