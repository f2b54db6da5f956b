"""Who waits for a call's answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastphx.gen_socket_client.socket import Socket


class Caller:
    """One waiting ``call``: answered at most once; later answers are dropped, and counted."""

    __slots__ = ("_socket", "future")

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answer(self, value: Any) -> None:
        """Set the answer, on the socket's event loop."""
        if self.future.done():
            self._socket.count_late_reply()
        else:
            self.future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Let the call raise *error*, on the socket's event loop."""
        if not self.future.done():
            self.future.set_exception(error)

    def reply(self, value: Any) -> None:
        """Answer, from any thread (from another one as ``Socket.run_on_loop`` says)."""
        self._socket.run_on_loop(self.answer, value)


def reply(caller: Caller, value: Any) -> None:
    """Answer a ``call`` whose ``handle_call`` returned ``NoReply``: later, from anywhere, from any thread."""
    caller.reply(value)
