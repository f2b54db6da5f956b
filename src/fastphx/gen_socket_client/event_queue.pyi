import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any, final

from fastphx.errors import DecodeError, DisconnectReason
from fastphx.gen_socket_client.callbacks import Callbacks
from fastphx.gen_socket_client.caller import Caller
from fastphx.gen_socket_client.responses import Stop
from fastphx.gen_socket_client.transport_handle import TransportHandle
from fastphx.protocol.joins import Join
from fastphx.protocol.message import Message
from fastphx.timing.wheel import TimerWheel

@final
class EventQueue:
    """Runs the callbacks of one socket, one at a time and in the order of their events.

    If every callback is plain, and no *executor* runs them, an event goes to its callback at once; an event
    that comes while a callback runs waits. Otherwise, all events go through a mailbox. When it holds *limit*
    events, or *limit_bytes* of payloads, *pause* is called, and *resume* when it is half empty. A transport
    that cannot hold back what it has read may exceed the bound by that much.

    *respond* is told what a callback returned, *crash* what it raised. The queue is the handler of the
    socket's session (``SessionHandler``) and of its connection (``ConnectionHandler``). Raises ValueError for
    a bound below 1.
    """

    def __init__(
        self,
        client: Callbacks,
        *,
        loop: asyncio.AbstractEventLoop,
        wheel: TimerWheel,
        executor: concurrent.futures.Executor | None,
        limit: int,
        limit_bytes: int,
        respond: Callable[[Callable[..., Any] | Stop, Any, Caller | None], None],
        crash: Callable[[BaseException], None],
    ) -> None: ...
    def attach(
        self,
        handle: TransportHandle,
        *,
        disconnected: Callable[[DisconnectReason], None],
        heartbeat_timed_out: Callable[[], None],
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        """Give it the objects that are made after it. Call this before the session is opened."""
    @property
    def idle(self) -> bool:
        """Whether a callback may be run at once."""
    @property
    def started(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def is_slow(self) -> bool:
        """Whether events go through the mailbox."""
    @property
    def decode_errors(self) -> int:
        """How many payloads could not be decoded."""
    @property
    def connects(self) -> int:
        """How many connections there were."""
    @property
    def peak(self) -> int:
        """How many events the mailbox held at most."""
    @property
    def thread_id(self) -> int | None:
        """The executor's thread that is running a callback; None: there is none."""
    @property
    def waiting(self) -> int:
        """How many events wait."""
    @property
    def is_current(self) -> bool:
        """Whether this is asked by an ``async`` callback, in the task that runs it."""
    def takes_time(self, callback: Callable[..., Any]) -> bool:
        """Whether *callback* must be run from the mailbox."""
    def start(self) -> None:
        """Run callbacks from now on. Events that came before are run first."""
    def deliver(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Take what the network or a timer brings."""
    def post(
        self,
        callback: Callable[..., Any] | Stop,
        args: tuple[Any, ...],
        caller: Caller | None = None,
        *,
        bounded: bool = True,
    ) -> None:
        """Take what a user sends. It is never run on the user's own stack. A Stop takes effect when its turn
        comes. If *bounded*, raises :class:`~fastphx.errors.OverloadedError` while too many events wait."""
    async def run_slowly(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a callback, in the executor if there is one, and return what it returns."""
    def start_timeout(self, timeout_s: float | None) -> None:
        """Give ``handle_info`` a TIMEOUT if nothing else comes in time. None: do not. Raises
        :class:`~fastphx.errors.BadReturnError` for an invalid time."""
    def end(self) -> None:
        """Run nothing more. An ``async`` callback under way is cancelled."""
    async def settle(self, timeout_s: float) -> None:
        """Wait until the callback under way has ended, for at most *timeout_s* seconds."""
    def on_message(self, message: Message) -> None: ...
    def on_reply(self, message: Message, waiter: Any, rtt_ns: int) -> None: ...
    def on_joined(self, message: Message, join: Join) -> None: ...
    def on_join_error(self, message: Message, join: Join) -> None: ...
    def on_join_timeout(self, join: Join) -> None: ...
    def on_closed(self, message: Message | None, join: Join) -> None: ...
    def on_errored(self, message: Message, join: Join) -> None: ...
    def on_unknown_topic(self, message: Message) -> None: ...
    def on_bad_frame(self, error: DecodeError) -> None: ...
    def on_heartbeat_reply(self, rtt_ns: int) -> None: ...
    def on_heartbeat_timeout(self) -> None: ...
    def on_expired(self, ref: int, waiter: Any) -> None: ...
    def on_failed(self, ref: int, waiter: Any, reason: str) -> None: ...
    def on_connected(self) -> None: ...
    def on_disconnected(self, reason: DisconnectReason) -> None: ...
    def on_error(self, exc: BaseException) -> None: ...
