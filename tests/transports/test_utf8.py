"""Text that is not UTF-8 closes the connection with 1007, once that is certain (RFC 6455 section 8.1)."""

import asyncio
import zlib

import pytest

from fastphx.errors import ConnectionClosed
from tests.transports.raw_server import CONTINUATION, TEXT, Peer, RawServer, frame
from tests.transports.recording_owner import RecordingOwner

VALID = ["", "a", "é", "€", "𐍈", "\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"]
"""The first and the last character of each length, among others."""

BROKEN = [b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf"]
BROKEN += [
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xff",
    b"\xfe",
    b"\xc3a",
    b"\xe2\x82a",
    b"\xf0\x90\x8da",
]
"""Nothing that follows can mend these."""

CUT = [b"\xc3", b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x90", b"\xf0\x90\x8d"]
"""The beginnings of a character."""

PADDINGS = (0, 1, 7, 8, 9, 31, 32, 33, 100)


async def closed_with(sent: bytes, **options: object) -> int:
    """The code that the client closes with after *sent*."""
    codes: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.accept(then=sent)
        codes.append((await peer.close_frame())[0])

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, validate_utf8=True, **options)
        reason = await owner.reason()
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == codes[0]
    assert owner.messages.empty()
    return reason.code


async def test_text_that_is_utf8_arrives() -> None:
    texts = [
        ("a" * before + text + "b" * after).encode()
        for text in VALID
        for before in PADDINGS
        for after in PADDINGS
    ]

    async def serve(peer: Peer) -> None:
        await peer.accept()
        for text in texts:
            peer.send(frame(TEXT, text))
            peer.send(frame(TEXT, text[:3], fin=False) + frame(CONTINUATION, text[3:]))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, validate_utf8=True)
        for text in texts:
            assert await owner.message() == (TEXT, text)
            assert await owner.message() == (TEXT, text)
        link.close()
        await owner.reason()


@pytest.mark.parametrize("broken", BROKEN + CUT)
async def test_a_message_that_is_not_utf8(broken: bytes) -> None:
    for before, after in ((0, 0), (3, 0), (8, 1), (31, 40)):
        data = b"a" * before + broken + b"b" * after
        assert await closed_with(frame(TEXT, data)) == 1007


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_fragment_is_not_waited_for_that_cannot_mend_it(broken: bytes) -> None:
    assert await closed_with(frame(TEXT, b"a" * 9 + broken, fin=False)) == 1007
    assert (
        await closed_with(
            frame(TEXT, broken[:1], fin=False) + frame(CONTINUATION, broken[1:] + b"a", fin=False)
        )
        == 1007
    )


@pytest.mark.parametrize("broken", BROKEN)
async def test_the_rest_of_a_frame_is_not_waited_for_that_cannot_mend_it(broken: bytes) -> None:
    for size in (100, 300_000):
        assert (
            await closed_with(frame(TEXT, b"a" * 40 + broken + b"b" * size)[: 10 + 40 + len(broken)]) == 1007
        )


@pytest.mark.parametrize("cut", CUT)
async def test_a_message_that_ends_within_a_character(cut: bytes) -> None:
    assert await closed_with(frame(TEXT, b"aaa" + cut, fin=False) + frame(CONTINUATION, b"")) == 1007


async def test_compressed_text_is_checked_too() -> None:
    deflate = zlib.compressobj(wbits=-15)
    data = deflate.compress(b"a" * 100 + b"\xff") + deflate.flush(zlib.Z_SYNC_FLUSH)
    codes: list[int] = []

    async def serve(peer: Peer) -> None:
        await peer.accept(
            headers="Sec-WebSocket-Extensions: permessage-deflate\r\n",
            then=frame(TEXT, data.removesuffix(b"\x00\x00\xff\xff"), rsv=4),
        )
        codes.append((await peer.close_frame())[0])

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        await owner.connect(server.url, compress=True, validate_utf8=True)
        await owner.reason()
    assert codes == [1007]


async def test_what_is_not_asked_for_is_not_checked() -> None:
    sent = b"\xff\xfe"

    async def serve(peer: Peer) -> None:
        await peer.accept(then=frame(TEXT, sent))
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url)
        assert await owner.message() == (TEXT, sent)
        link.close()
        await owner.reason()


async def test_text_that_comes_in_parts_is_checked_as_it_comes_and_taken_whole() -> None:
    text = ("é" * 300).encode()

    async def serve(peer: Peer) -> None:
        await peer.accept()
        whole = frame(TEXT, text)
        for at in range(0, len(whole), 101):
            peer.send(whole[at : at + 101])
            # The client reads each by itself, some within a character.
            await asyncio.sleep(0.005)
        await peer.close_frame()

    async with RawServer(serve) as server:
        owner = RecordingOwner()
        link = await owner.connect(server.url, validate_utf8=True)
        assert await owner.message() == (TEXT, text)
        link.close()
