"""What a user gave in confidence is shown by name and length."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

from fastphx import BadReturnError, Connect, NoConnect, connect
from fastphx.testing.handshake import Handshake
from fastphx.transports.longpoll import LongPollOptions
from fastphx.transports.options import ConnectOptions
from fastphx.transports.withheld import withheld

SECRET = "s3cr3t-t0k3n"
URL = "ws://localhost/socket"


@pytest.mark.parametrize(
    "holder",
    [
        Connect(URL, {"token": SECRET}),
        Connect(URL, [("token", SECRET)]),
        Connect(URL, {"nested": {"token": SECRET}}),
        NoConnect(URL, {"token": SECRET}),
        Connect(f"{URL}?token={SECRET}"),
        connect(URL, params={"token": SECRET}).options,
        connect(URL, headers={"authorization": SECRET}, auth_token=SECRET).options,
        connect(URL, extra_headers={"cookie": SECRET}, proxy=f"http://u:{SECRET}@localhost").options,
        connect(URL, params={"token": SECRET}),
        ConnectOptions.from_mapping({"extra_headers": {"cookie": SECRET}, "auth_token": SECRET}),
        LongPollOptions.from_mapping({"extra_headers": {"cookie": SECRET}, "auth_token": SECRET}),
        Handshake("/socket", (("token", SECRET),), CIMultiDict(cookie=SECRET), SECRET),
        BadReturnError(f"{Connect(URL, {'token': SECRET})!r}"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_value_is_shown(holder: object) -> None:
    for text in (repr(holder), str(holder), f"{[holder]}"):
        assert SECRET not in text


def test_names_and_lengths_are_shown() -> None:
    shown = "Connect(url='ws://localhost/socket', params={'token': <12 characters>}, after=0.0)"
    assert repr(Connect(URL, {"token": SECRET})) == shown
    assert "params={'token': <12 characters>}" in repr(connect(URL, params={"token": SECRET}).options)
    assert "auth_token=<12 characters>" in repr(connect(URL, auth_token=SECRET).options)


def test_nothing_is_called_and_nothing_used_up() -> None:
    pairs = iter([("a", 1)])
    assert withheld(pairs) == "<list_iterator>"
    assert list(pairs) == [("a", 1)]
    assert withheld(SECRET.encode()) == "<12 bytes>"
    assert withheld(lambda: SECRET) == "<callable>"
    assert withheld(SimpleNamespace(token=SECRET)) == "<SimpleNamespace>"
    around: list[Any] = []
    around.append(around)
    assert withheld(around) == "[[[[…]]]]"
    assert len(withheld({str(number): "x" * 10**6 for number in range(1000)})) < 1000
