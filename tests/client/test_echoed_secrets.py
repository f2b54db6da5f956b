"""A server's refusal may quote what it was given in confidence; an error that quotes the refusal does not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from fastphx import ClosedError, ConnectionLostError, JoinError, PushError, RawJson, connect
from tests.answering_server import Answer, Pushed, answering
from tests.transports.raw_server import CLOSE, frame

SECRET = 's3cr3t-"t0k3n" é'
PLAIN = "plain-s3cr3t"


def refusing(event: str, response: object) -> Answer:
    def answer(pushed: Pushed) -> list[list[Any]] | None:
        return [pushed.reply(response, status="error")] if pushed.event == event else None

    return answer


@pytest.mark.parametrize(
    "response",
    [
        {"reason": SECRET},
        {"reason": f"the token {SECRET} has expired"},
        {"reason": json.dumps({"token": SECRET})},
        {"echo": [{"token": SECRET, "pin": 987654}]},
        {SECRET: 987654},
        f"{'x' * 40}{SECRET}",
    ],
    ids=range(6),
)
async def test_a_refused_join_quotes_nothing_of_its_payload(response: object) -> None:
    with answering(refusing("phx_join", response)) as url:
        async with connect(url) as client:
            for payload in ({"a": [{"token": SECRET}], "pin": 987654}, RawJson(json.dumps([SECRET, 987654]))):
                with pytest.raises(JoinError) as caught:
                    await client.join("room:a", payload)
                assert caught.value.response == response
                assert "hidden" in str(caught.value)
                for text in (str(caught.value), str(copy.copy(caught.value))):
                    assert "s3cr3t" not in text
                    assert "987654" not in text


@pytest.mark.parametrize("response", [{"reason": PLAIN}, {"params": {"t": PLAIN}}, [f"Bearer {PLAIN}"]])
@pytest.mark.parametrize(
    "given",
    [
        {"params": {"t": PLAIN}},
        {"params": lambda: {"t": PLAIN}},
        {"headers": {"authorization": f"Bearer {PLAIN}"}},
        {"auth_token": PLAIN},
    ],
    ids=["params", "asked for", "headers", "auth_token"],
)
async def test_a_refused_push_quotes_nothing_that_the_connection_was_given(
    given: dict[str, Any], response: object
) -> None:
    with answering(refusing("new", response)) as url:
        async with connect(url, **given) as client:
            room = await client.join("room:a")
            with pytest.raises(PushError) as caught:
                await room.push("new")
            assert caught.value.reply.response == response
            assert PLAIN not in str(caught.value)


async def test_a_refused_push_quotes_neither_its_payload_nor_the_joins() -> None:
    def answer(pushed: Pushed) -> list[list[Any]] | None:
        if pushed.event != "new":
            return None
        return [pushed.reply({"reason": f"{PLAIN} {pushed.payload['card']}"}, status="error")]

    with answering(answer) as url:
        async with connect(url) as client:
            room = await client.join("room:a", {"token": PLAIN})
            with pytest.raises(PushError) as caught:
                await room.push("new", {"card": "4111-1111"})
            assert "'[hidden] [hidden]'" in str(caught.value)
            assert caught.value.shown_reason == "[hidden] [hidden]"


@pytest.mark.parametrize("reconnect", [None, False])
async def test_a_close_quotes_nothing_of_a_joins_payload(
    reconnect: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(pushed: Pushed) -> list[list[Any] | bytes] | None:
        if pushed.event != "new":
            return None
        return [frame(CLOSE, (4001).to_bytes(2) + f"no room for {SECRET}".encode())]

    reasons: list[object] = []
    with answering(answer) as url:
        async with connect(url, reconnect=reconnect, backoff_base=30, backoff_cap=60) as client:
            room = await client.join("room:a", {"token": SECRET})
            with pytest.raises((ConnectionLostError, ClosedError)) as caught:
                await room.push("new")
            reasons = [client.sockets[0].reason, client.closed_because, caught.value, caught.value.__cause__]
    assert "code 4001: no room for [hidden]" in str(reasons[0])
    assert "s3cr3t" not in f"{reasons} {caplog.text}"
