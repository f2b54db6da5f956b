"""Payloads of the next frames are decoded with the one that is read, and nobody can tell."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest

from fastphx.errors import DecodeError
from fastphx.protocol.codec import Message, decode, encode, encode_reply
from fastphx.protocol.decode_ahead import counts
from fastphx.transports import connect
from tests.protocol.joined_session import joined_session
from tests.protocol.random_payloads import Reader, payloads
from tests.transports.raw_server import PING, TEXT, Peer, RawServer, close_frame, frame
from tests.transports.recording_owner import RecordingOwner

BROKEN = "broken"


def text(payload: bytes, event: str = "new_msg") -> bytes:
    return frame(TEXT, encode(None, None, "room:a", event, payload))


async def deliver(on_message: Callable[[Message], Any], *reads: bytes) -> dict[str, int]:
    """Each of *reads* arrives as a whole, and is read at once, as far as the system does so. Returns what was
    decoded ahead meanwhile."""
    acknowledged = asyncio.Event()

    def on_each(message: Message) -> None:
        if message.event == "end_of_read":
            acknowledged.set()
        else:
            on_message(message)

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for read in reads:
            acknowledged.clear()
            peer.send(read + text(b"null", "end_of_read"))
            await acknowledged.wait()
        peer.send(close_frame(1000))
        await peer.close_frame()

    before = counts()
    async with asyncio.timeout(20), RawServer(serve) as server:
        owner = RecordingOwner()
        await connect(server.url, joined_session(on_each, lambda message, *_: on_each(message)), owner)
        await owner.reason()
        assert owner.errors == []
    return {name: number - before[name] for name, number in counts().items()}


def read(message: Message) -> Any:
    try:
        return message.payload
    except DecodeError:
        return BROKEN


async def read_all(frames: Iterable[bytes]) -> tuple[list[Any], dict[str, int]]:
    seen: list[Any] = []
    counted = await deliver(lambda message: seen.append(read(message)), b"".join(frames))
    return seen, counted


@pytest.fixture(autouse=True)
async def after_a_streak() -> None:
    await streak()


async def streak() -> None:
    """What was read before does not decide when the next try is."""
    for _ in range(5):
        if (await read_all([text(b"0")] * 1500))[1]["used"] >= 1000:
            return
    raise AssertionError("nothing is decoded ahead")


async def test_payloads_of_one_head_are_decoded_with_those_before_them() -> None:
    seen, counted = await read_all(text(b'{"number":%d}' % number) for number in range(1000))
    assert seen == [{"number": number} for number in range(1000)]
    assert counted["used"] > 800
    assert counted["wasted"] == 0


async def test_every_payload_is_an_object_of_its_own() -> None:
    seen, counted = await read_all([text(b'{"list":[]}')] * 500)
    for number, payload in enumerate(seen):
        payload["list"].append(number)
    assert seen == [{"list": [number]} for number in range(500)]
    assert len({id(payload) for payload in seen}) == 500
    assert counted["used"] > 400


async def test_what_a_callback_puts_into_a_payload_goes_with_the_message() -> None:
    kept: list[Message] = []
    log: list[Any] = []

    class Noted:
        def __init__(self, number: int) -> None:
            self.number = number

        def __del__(self) -> None:
            # Somebody else's code, which may read payloads of its own.
            log.append((self.number, kept.pop().payload))

    def on_message(message: Message) -> None:
        if message.event == "kept":
            kept.append(message)
            return
        payload = message.payload
        log.append(payload[0])
        payload.append(Noted(payload[0]))

    await deliver(
        on_message,
        b"".join(text(b"[%d,0]" % number, "kept") for number in range(500)),
        b"".join(text(b"[%d]" % number) for number in range(500)),
    )
    assert log == [each for number in range(500) for each in (number, (number, [499 - number, 0]))]


@pytest.mark.parametrize(
    "torn",
    [
        [b"1,2", b"[1", b"2]"],
        [b"1,2,3", b"[1", b"2]"],
        [b"[1", b"2]", b'"a","b","c"'],
        [b"[1", b"2]", b"3,4"],
        [b'{"a":1},{"b":2}', b'{"x":[{}', b"{}]}"],
        [b'"abc', b'def"', b"5,6"],
        [b"1],[2", b"3", b"4"],
        [b"\xff", b'"\xc3', b"NaN"],
    ],
)
async def test_json_that_makes_sense_only_together_is_broken(torn: list[bytes]) -> None:
    whole = [b'{"number":%d}' % number for number in range(300)]
    # At every place of a call.
    sent = [payload for lead in range(16) for payload in (*whole[lead:], *torn)]
    seen, counted = await read_all(map(text, sent))
    assert seen == [read(decode(encode(None, None, "room:a", "new_msg", payload))) for payload in sent]
    assert seen.count(BROKEN) >= 16
    assert counted["used"] > 3000


@pytest.mark.parametrize(
    ("size", "is_ahead"), [(254, True), (255, True), (256, True), (257, False), (5000, False)]
)
async def test_short_payloads_are_decoded_ahead_and_long_ones_alone(size: int, is_ahead: bool) -> None:
    sent = [b'"%0*d"' % (size - 2, number) for number in range(400)]
    seen, counted = await read_all(map(text, sent))
    assert seen == [payload[1:-1].decode() for payload in sent]
    assert (counted["used"] > 200) == is_ahead
    # A long one among short ones.
    mixed = [b"[1]"] * 40 + sent[:1] + [b"[2]"] * 40
    assert (await read_all(map(text, mixed)))[0] == [
        read(decode(encode(None, None, "room:a", "new_msg", payload))) for payload in mixed
    ]


async def test_what_is_read_later_or_never_is_right_too() -> None:
    kept: list[Message] = []
    seen: list[int] = []

    def on_message(message: Message) -> None:
        number = int(message.raw)
        if number % 7 == 0:
            kept.append(message)
        elif number % 3:
            seen.append(message.payload)

    await deliver(on_message, *(b"".join(text(b"%d" % number) for number in range(700)) for _ in range(3)))
    assert seen == [number for number in range(700) if number % 7 and number % 3] * 3
    assert [message.payload for message in kept] == [*range(0, 700, 7)] * 3


async def test_a_callback_that_reads_some_payloads_wastes_few() -> None:
    reads = 0

    def every_other(message: Message) -> None:
        nonlocal reads
        reads += 1
        if reads % 2:
            assert message.payload == reads

    numbers = iter(range(1, 40_001))
    counted = await deliver(
        every_other, *(b"".join(text(b"%d" % next(numbers)) for _ in range(2000)) for _ in range(20))
    )
    assert reads == 40_000
    # Once for each time that the pause before a try doubles, up to 1,023 payloads, and then each time.
    assert 0 < counted["wasted"] < 60


async def test_a_decoder_of_its_own_is_not_passed_over() -> None:
    seen: list[Any] = []

    def on_message(message: Message) -> None:
        if len(seen) % 5 == 4:
            message.decoder = len
        seen.append(message.payload)

    await deliver(on_message, b"".join(text(b"[%d]" % (number % 10)) for number in range(500)))
    assert seen == [3 if number % 5 == 4 else [number % 10] for number in range(500)]


async def test_replies_and_other_events_in_between_keep_their_payloads() -> None:
    seen: list[Any] = []
    frames = []
    for number in range(600):
        frames.append(text(b'{"number":%d}' % number))
        if number % 20 == 10:
            frames.append(text(b'{"other":%d}' % number, "other"))
            frames.append(frame(PING))
            frames.append(frame(TEXT, encode_reply("1", f"{9000 + number}", "room:a", "ok", b"%d" % number)))
            frames.append(frame(TEXT, b'[null, null, "room:a", "new_msg", {"spaced": %d} ]' % number))
    counted = await deliver(lambda message: seen.append(message.payload), b"".join(frames))
    wanted: list[Any] = []
    for number in range(600):
        wanted.append({"number": number})
        if number % 20 == 10:
            wanted += [{"other": number}, {"response": number, "status": "ok"}, {"spaced": number}]
    assert seen == wanted
    assert counted["used"] > 300


async def test_a_callback_that_closes_in_between_leaves_nothing_behind() -> None:
    seen: list[int] = []
    owner = RecordingOwner()

    def on_message(message: Message) -> None:
        seen.append(message.payload)
        if len(seen) == 100:
            link.close(1000, "enough")

    async def serve(peer: Peer) -> None:
        await peer.accept()
        peer.send(b"".join(text(b"%d" % number) for number in range(500)))
        await peer.close_frame()

    before = counts()
    async with asyncio.timeout(20), RawServer(serve) as server:
        link = await connect(server.url, joined_session(on_message), owner)
        await owner.reason()
    assert seen == [*range(100)]
    after = counts()
    assert 0 < after["wasted"] - before["wasted"] <= 15
    # The next connection begins with its own.
    assert (await read_all(text(b"%d" % number) for number in range(300)))[0] == [*range(300)]


async def test_a_garbage_collection_within_orjson_may_let_another_thread_read_payloads() -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()
    theirs: list[Any] = []
    seen: list[Any] = []

    def read_theirs(message: Message) -> None:
        theirs.append(message.payload)
        if len(theirs) == 5:
            has_begun.set()
            assert may_go_on.wait(10)

    thread = threading.Thread(target=lambda: asyncio.run(deliver(read_theirs, text(b"[0,[]]") * 500)))

    class Cyclic:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            if not has_begun.is_set():
                thread.start()
                assert has_begun.wait(10)

    def read_ours(message: Message) -> None:
        if not has_begun.is_set():
            Cyclic()
        # What orjson makes is all that may set off a collection.
        gc.enable()
        seen.append(message.payload)
        gc.disable()
        if has_begun.is_set() and not may_go_on.is_set():
            may_go_on.set()
            thread.join(10)

    threshold = gc.get_threshold()
    gc.disable()
    gc.set_threshold(1)
    try:
        await deliver(read_ours, b"".join(text(b"[%d,[]]" % number) for number in range(1, 500)))
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    assert seen == [[number, []] for number in range(1, 500)]
    assert theirs == [[0, []]] * 500


async def test_loops_in_two_threads_do_not_mix() -> None:
    async def count(sign: bytes) -> None:
        seen, _ = await read_all(text(b"[%b%d]" % (sign, number)) for number in range(1, 5001))
        assert seen == [[int(b"%b%d" % (sign, number))] for number in range(1, 5001)]

    failures: list[BaseException] = []

    def run(sign: bytes) -> None:
        try:
            asyncio.run(count(sign))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(sign,)) for sign in (b"", b"-")]
    for thread in threads:
        thread.start()
    await asyncio.to_thread(lambda: [thread.join(60) for thread in threads])
    assert failures == []


async def test_whatever_the_payloads_are_they_are_what_orjson_says() -> None:
    random = Random(1)
    reader = Reader(random)
    used = 0
    for _ in range(100):
        await streak()
        reader.change()
        reads = [b"".join(text(payload) for payload in payloads(random, 200)) for _ in range(3)]
        used += (await deliver(reader, *reads))["used"]
    assert reader.messages == 60_000
    assert used > 5_000
