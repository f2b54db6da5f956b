from collections.abc import Callable
from typing import Any, Literal, final

@final
class Message:
    """One message, decoded as far as somebody read it.

    ``join_ref`` and ``ref`` are what was on the wire: a string, an integer or None; ``ref_number`` and
    ``join_ref_number`` are the same as a number, None where they are none. ``raw`` is an owned copy of
    the payload's bytes (JSON in a text frame, the data in a binary one; empty where a serializer other
    than JsonV2 decoded the frame). UTF-8 in a payload that nobody reads is not validated.
    The garbage collector does not look at messages: make none a part of what it refers to itself.
    """

    decoder: Callable[[bytes], Any] | None
    @property
    def join_ref(self) -> str | int | None: ...
    @property
    def ref(self) -> str | int | None: ...
    @property
    def join_ref_number(self) -> int | None: ...
    @property
    def ref_number(self) -> int | None: ...
    @property
    def topic(self) -> str: ...
    @property
    def event(self) -> str:
        """A reply's event is ``phx_reply``, in binary frames too."""
    @property
    def raw(self) -> bytes: ...
    @property
    def is_binary(self) -> bool: ...
    @property
    def is_reply(self) -> bool: ...
    @property
    def payload(self) -> Any:
        """The payload, decoded once. A reply's is ``{"status": …, "response": …}``; a binary frame's is
        ``bytes``. Raises DecodeError, with topic and event, where it is not valid JSON."""
    @property
    def status(self) -> str:
        """A reply's status. Raises DecodeError where the message is not a reply."""
    @property
    def response(self) -> Any:
        """A reply's response. Raises DecodeError where the message is not a reply."""

def decode(frame: bytes, opcode: Literal[1, 2] = 1, *, from_client: bool = False) -> Message:
    """A whole message of either side. Raises DecodeError where its header is not what it should be."""
