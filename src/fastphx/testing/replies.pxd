"""Replies to a client, and what the fault switches do to them."""

from fastphx.protocol.frame_scan cimport Header
from fastphx.protocol.message cimport Message
from fastphx.testing.responses cimport ServerReply
from fastphx.testing.server_socket cimport ServerSocket

# A ref for a binary frame.
cdef str characters(object ref)

# A reply made from Python values. Raises EncodingError.
cdef int answer(ServerSocket socket, object join_ref, object ref, str topic, str status, object response,
                bint to_push) except -1

# The reply to a message. Its header holds the refs, if it is still there. Raises EncodingError.
cdef int answer_push(ServerSocket socket, Message message, const Header* header, str topic, bytes topic_json,
                     ServerReply reply) except -1

cdef int send_reply(ServerSocket socket, int opcode, bytes data, bint to_push) except -1
