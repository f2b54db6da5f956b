"""Answers that are nested a thousand deep, and deeper than JSON is read."""

from __future__ import annotations

import pytest

from fastphx import DecodeError, JoinError, PushError, connect
from tests.answering_server import Pushed, answering

DEEP = "[" * 1000 + "]" * 1000
TOO_DEEP = "[" * 5000 + "]" * 5000


def refusal(pushed: Pushed, response: str) -> str:
    payload = f'{{"response":{response},"status":"error"}}'
    return f'["{pushed.join_ref}","{pushed.ref}","{pushed.topic}","phx_reply",{payload}]'


@pytest.mark.parametrize("response", [DEEP, TOO_DEEP], ids=["deep", "too deep"])
async def test_a_join_is_refused(response: str) -> None:
    def answer(pushed: Pushed) -> list[str] | None:
        return [refusal(pushed, response)] if pushed.event == "phx_join" else None

    with answering(answer) as url:
        async with connect(url) as client:
            with pytest.raises(JoinError) as caught:
                await client.join("room:a")
            assert len(str(caught.value)) < 500
            assert client.stats.reconnects == 0


@pytest.mark.parametrize(("response", "error"), [(DEEP, PushError), (TOO_DEEP, DecodeError)])
async def test_a_push_is_refused(response: str, error: type[Exception]) -> None:
    def answer(pushed: Pushed) -> list[str] | None:
        return [refusal(pushed, response)] if pushed.event == "deep" else None

    with answering(answer) as url:
        async with connect(url) as client:
            room = await client.join("room:a")
            with pytest.raises(error) as caught:
                await room.push("deep")
            assert len(str(caught.value)) < 500
            assert (await room.push("fine")).status == "ok"
            assert client.stats.reconnects == 0
