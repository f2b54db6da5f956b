from collections.abc import Callable
from typing import Any, Literal, final

@final
class Message:
    """One message. What nobody reads is not decoded.

    ``join_ref`` and ``ref`` are as on the wire: a string, an integer or None. ``ref_number`` and
    ``join_ref_number`` are the same as numbers; None if they are not numbers. ``raw`` is the payload's bytes,
    a copy: JSON in a text frame, the data in a binary one, empty if a serializer other than JsonV2 decoded
    the frame. The UTF-8 of a payload that nobody reads is not checked.
    The garbage collector does not look at messages: do not store one inside its own payload.
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
    def byte_count(self) -> int:
        """How many bytes it holds while it waits: those of ``raw``. If another serializer decoded the frame,
        the bytes and characters in the payload, or the frame's bytes if they are more."""
    @property
    def is_binary(self) -> bool: ...
    @property
    def is_reply(self) -> bool: ...
    @property
    def payload(self) -> Any:
        """The payload, decoded once. A reply's is ``{"status": …, "response": …}``; a binary frame's is
        ``bytes``. Raises DecodeError, with topic and event, if it is not valid JSON."""
    @property
    def status(self) -> str:
        """A reply's status. Raises DecodeError if the message is not a reply."""
    @property
    def response(self) -> Any:
        """A reply's response. Raises DecodeError if the message is not a reply."""

def decode(frame: bytes, opcode: Literal[1, 2] = 1, *, from_client: bool = False) -> Message:
    """A whole message of either side. Raises DecodeError if its header is invalid."""
