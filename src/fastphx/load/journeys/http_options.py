"""What may be said of a request besides its method and path."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypedDict

from fastphx.transports.endpoint import Params

Expected = int | Container[int] | Callable[[int], bool]
"""A status, a set or range of them, or what says of a status whether it is one."""
Headers = Mapping[str, str] | Sequence[tuple[str, str]]


class RequestOptions(TypedDict, total=False):
    """See :meth:`fastphx.load.journeys.http.Http.request`."""

    params: Params
    data: Any
    json: Any
    headers: Headers
    expect: Expected | None
    name: str | None
    timeout: float | None
    follow: bool


def is_expected(status: int, expect: Expected | None) -> bool:
    """Whether *expect* allows *status*; None allows what is below 400."""
    if expect is None:
        return status < 400
    if isinstance(expect, int):
        return status == expect
    return expect(status) if callable(expect) else status in expect
