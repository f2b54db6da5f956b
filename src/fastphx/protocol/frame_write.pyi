from typing import Final, final

@final
class RawJson:
    """A payload that is already JSON. It is sent as it is, without being decoded or checked.

    Raises EncodingError for a str that is not valid Unicode.
    """

    def __init__(self, data: bytes | str) -> None: ...
    @property
    def data(self) -> bytes: ...

NO_PAYLOAD: Final[RawJson]
"""What is sent if no payload is given: an empty object. None is JSON's null."""

def encode(
    join_ref: str | int | None, ref: str | int | None, topic: str, event: str, payload: bytes, /
) -> bytes:
    """A text frame of either side; *payload* is JSON. Strings are quoted, integers are not.
    Raises EncodingError for a string that is not valid Unicode."""

def encode_reply(
    join_ref: str | int | None, ref: str | int | None, topic: str, status: str, response: bytes, /
) -> bytes:
    """A server's text reply; *response* is JSON. Keys are in Phoenix' order."""

def encode_binary_push(join_ref: str, ref: str, topic: str, event: str, data: bytes, /) -> bytes:
    """A client's binary push. Raises EncodingError for a field over 255 bytes."""

def encode_binary_server_push(join_ref: str, topic: str, event: str, data: bytes, /) -> bytes: ...
def encode_binary_reply(join_ref: str, ref: str, topic: str, status: str, data: bytes, /) -> bytes: ...
def encode_binary_broadcast(topic: str, event: str, data: bytes, /) -> bytes: ...
