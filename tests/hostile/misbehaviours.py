"""All misbehaviours of a server, by their slugs: what the tables of the files beside this one come to."""

from __future__ import annotations

from typing import NamedTuple

from tests.hostile.floods import BOMBS, FLOODS
from tests.hostile.frames import FRAMES, send_with_the_first_reply
from tests.hostile.handshakes import HANDSHAKES
from tests.hostile.liveview_noise import LIVEVIEW_NOISE, PAGES
from tests.hostile.longpoll_noise import LONGPOLL_NOISE
from tests.hostile.protocol_noise import PROTOCOL_NOISE, answering_with
from tests.hostile.right_server import Serve


class Misbehaviour(NamedTuple):
    """One thing that a server does wrong."""

    family: str
    serve: Serve
    code: int = 0
    """The code with which the client has to close; 0: any, or none."""


def slug(family: str, name: str) -> str:
    """As it stands in a path, and in the name of a test."""
    return f"{family}-{name}".replace(" ", "-")


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    **{slug("handshake", name): Misbehaviour("handshake", serve) for name, serve in HANDSHAKES.items()},
    **{
        slug("frames", name): Misbehaviour("frames", send_with_the_first_reply(data), code)
        for name, (code, data) in FRAMES.items()
    },
    **{slug("flood", name): Misbehaviour("flood", serve) for name, serve in FLOODS.items()},
    **{slug("bomb", name): Misbehaviour("bomb", serve, code) for name, (code, serve) in BOMBS.items()},
    **{
        slug("protocol", name): Misbehaviour("protocol", answering_with(answer))
        for name, answer in PROTOCOL_NOISE.items()
    },
    **{slug("page", name): Misbehaviour("page", serve) for name, serve in PAGES.items()},
    **{
        slug("liveview", name): Misbehaviour("liveview", answering_with(answer))
        for name, answer in LIVEVIEW_NOISE.items()
    },
    **{slug("longpoll", name): Misbehaviour("longpoll", serve) for name, serve in LONGPOLL_NOISE.items()},
}


def of_families(*families: str) -> list[str]:
    """The slugs of some families."""
    return [each for each, misbehaviour in MISBEHAVIOURS.items() if misbehaviour.family in families]
