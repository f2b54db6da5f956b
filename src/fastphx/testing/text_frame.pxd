"""Text frames of both versions of the protocol, as Phoenix writes them."""

# A payload as JSON: RawJson as it is, everything else through orjson with sorted keys, as Jason
# does. Raises EncodingError.
cdef bytes encode_payload(object payload)

cdef bytes text_frame(int vsn, object join_ref, object ref, str topic, str event, bytes payload)
cdef bytes reply_frame(int vsn, object join_ref, object ref, str topic, str status, bytes response)
