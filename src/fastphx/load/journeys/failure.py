"""How a step or a visit ends otherwise than well, and in which words that is counted."""

from __future__ import annotations

import asyncio
import os
import traceback
from types import TracebackType
from typing import Any

from fastphx.errors import (
    AlreadyJoinedError,
    ChannelCrashedError,
    ClosedError,
    ConnectionLostError,
    DisconnectedError,
    DisconnectReason,
    EncodingError,
    FastphxError,
    JoinError,
    JoinTimeoutError,
    NotJoinedError,
    PushError,
    PushTimeoutError,
)
from fastphx.foreign_text import clipped, quoted

_STEP = "_fastphx_step"


class VisitFailed(BaseException):
    """What ``User.fail`` raises: no ``except Exception`` of a script catches it."""


class VisitStopped(BaseException):
    """The run stops: what the visit waits for is not waited for any more."""


class StepError(FastphxError):
    """A step did not come to what it should have. *reason* is what that is counted under, the message where
    there is none."""

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(message)


class RequestError(StepError):
    """A request has no answer. With ``is_local`` this side ran out of ports, open files or memory."""

    def __init__(self, message: str, *, reason: str | None = None, is_local: bool = False) -> None:
        self.is_local = is_local
        super().__init__(message, reason=reason)


class RequestTimeoutError(RequestError, TimeoutError):
    """A request was not answered in time; whether the server handled it is not known."""


class HttpError(StepError):
    """A request was answered with a ``status`` that was not expected. The message quotes the *body*."""

    def __init__(self, request: str, status: int, body: str) -> None:
        self.status = status
        shown = f": {quoted(body)}" if body else ""
        super().__init__(f"{request} was answered with HTTP {status}{shown}", reason=f"HTTP {status}")


class WaitTimeoutError(StepError, TimeoutError):
    """The message that was waited for did not come in time."""


def blame(error: BaseException, step: str) -> None:
    """Let *error* say which step it came from, the first that it passes. A fault of the script's has none."""
    if _is_expected(error) and not hasattr(error, _STEP):
        setattr(error, _STEP, step)


def step_of(error: BaseException) -> str | None:
    """The step that *error* came from."""
    found: str | None = getattr(error, _STEP, None)
    return found


def first_cause(error: BaseException) -> BaseException:
    """*error*, or of those of a group, as ``asyncio.TaskGroup`` raises it, the one to tell of: the script's
    own fault before what it has made of others', and the run's end last."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    return min((first_cause(each) for each in error.exceptions), key=_rank)


def _rank(error: BaseException) -> int:
    if isinstance(error, VisitStopped | asyncio.CancelledError):
        return 3
    return 2 if is_of_the_server(error) else 1 if isinstance(error, VisitFailed) else 0


def shown(error: BaseException) -> str:
    """What *error* says, clipped."""
    try:
        return clipped(str(error))
    except Exception:
        return "it cannot be shown"


def reason_of(error: BaseException) -> str:
    """Why a step failed, in few words, so that the same cause has the same words."""
    if isinstance(error, PushError | JoinError):
        how = f"status {error.reply.status}" if isinstance(error, PushError) else "refused"
        reason = error.shown_reason
        return clipped(how if reason is None else f"{how}: {reason}")
    if isinstance(error, StepError) and error.reason is not None:
        return clipped(error.reason)
    if isinstance(error, PushTimeoutError | JoinTimeoutError | WaitTimeoutError):
        return "timeout"
    if isinstance(error, ConnectionLostError | DisconnectedError):
        return "disconnected"
    if isinstance(error, NotJoinedError):
        return "not joined"
    if isinstance(error, AlreadyJoinedError):
        return "joined already"
    if isinstance(error, ChannelCrashedError):
        return "the channel crashed"
    if isinstance(error, ClosedError):
        # A socket that is not to reconnect is closed with why it was lost.
        lost = isinstance(error.__cause__, DisconnectReason)
        return "disconnected" if lost else "the channel was closed"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, VisitFailed | EncodingError) or _is_expected(error):
        return shown(error) or type(error).__name__
    return type(error).__name__


def _is_expected(error: BaseException) -> bool:
    """Whether it is what a server, or the network, may do to a client."""
    # What cannot be sent is the script's own, and so is an OSError that names a file.
    if isinstance(error, OSError):
        return error.filename is None
    return isinstance(error, FastphxError) and not isinstance(error, EncodingError)


def is_of_the_server(error: BaseException) -> bool:
    """Whether a visit that *error* has left has failed on what it loads, and not on a fault of the script."""
    return step_of(error) is not None or _is_expected(error)


def why_it_failed(error: BaseException, path: str) -> str | None:
    """Why a visit, or what is called once a run, has failed, in few words; None where it is a fault of the
    script's."""
    if isinstance(error, VisitFailed):
        return shown(error)
    where = place_of(error.__traceback__, path)
    if isinstance(error, AssertionError):
        why = shown(error)
        return f"assertion at {where}: {why}" if why else f"assertion at {where}"
    if not is_of_the_server(error):
        return None
    step = step_of(error)
    return f"{step}: {reason_of(error)}" if step else f"{reason_of(error)} at {where}"


def user_frames(trace: TracebackType | None, path: str) -> list[traceback.FrameSummary]:
    """The frames of *trace* that are the script's own."""
    return [frame for frame in traceback.extract_tb(trace) if frame.filename == path]


def user_traceback(error: BaseException, path: str) -> str:
    """*error* with where in the script it came from, a line each; of at most a screen."""
    frames = "".join(traceback.format_list(user_frames(error.__traceback__, path)[-20:]))
    return f"{frames}{type(error).__name__}: {shown(error)}\n"


def where_it_waits(coroutine: Any, path: str) -> int:
    """The line of the script at which *coroutine* waits; 0 where it is not in the script."""
    line = 0
    while (frame := getattr(coroutine, "cr_frame", None)) is not None:
        if frame.f_code.co_filename == path:
            line = frame.f_lineno
        coroutine = coroutine.cr_await
    return line


def place_of(trace: TracebackType | None, path: str) -> str:
    """Where in the script *trace* was last, like ``shop.py:21``."""
    frames = user_frames(trace, path)
    return place_at(path, frames[-1].lineno if frames else None)


def fault_of(error: BaseException, path: str) -> str:
    """What a fault of the script's is counted under, like ``KeyError at shop.py:21``."""
    return f"{type(error).__name__} at {place_of(error.__traceback__, path)}"


def place_at(path: str, line: int | None) -> str:
    """The script and the line in it, like ``shop.py:21``; without a line the script alone."""
    name = os.path.basename(path)
    return f"{name}:{line}" if line else name
