"""One connection attempt, with what is said over it or the error that it ends with."""

from typing import Any

import pytest

from fastphx.errors import ConnectError
from tests.transports.raw_server import TEXT, Peer, frame
from tests.transports.recording_owner import RecordingOwner


async def echo_once(peer: Peer) -> None:
    await peer.accept()
    opcode, data = await peer.frame()
    peer.send(frame(opcode, data))
    await peer.close_frame()


async def exchange(url: str, **options: Any) -> None:
    owner = RecordingOwner()
    link = await owner.connect(url, **options)
    link.writer.write(b"hello", TEXT)
    assert await owner.message() == (TEXT, b"hello")
    link.close()
    await owner.reason()


async def refused(url: str, **options: Any) -> ConnectError:
    """The error of an attempt that must fail, of which the owner must hear nothing."""
    owner = RecordingOwner()
    with pytest.raises(ConnectError) as caught:
        await owner.connect(f"{url}?token=secret", **options)
    assert owner.events == []
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value
