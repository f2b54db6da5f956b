"""`examples/chat.py`, as two people use it."""

import asyncio
import sys
from pathlib import Path

from fastphx.protocol.message import Message
from fastphx.testing import Server, ServerChannel, ServerStop, demo_server

CHAT = Path(__file__).parents[2] / "examples" / "chat.py"
TIMEOUT_S = 60.0


class Person:
    def __init__(self, url: str, nick: str) -> None:
        self.arguments = (str(CHAT), url, "room:lobby", nick)

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def sees(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), TIMEOUT_S)).decode().rstrip("\n")

    def types(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def leaves(self) -> tuple[int | None, str, str]:
        out, err = await asyncio.wait_for(self.process.communicate(b""), TIMEOUT_S)
        return self.process.returncode, out.decode(), err.decode()


async def test_two_people_talk() -> None:
    async with demo_server() as server:
        ann, bob = Person(server.url, "ann"), Person(server.url, "bob")
        try:
            await asyncio.gather(ann.start(), bob.start())
            assert await ann.sees() == "* you are ann in room:lobby"
            assert await bob.sees() == "* you are bob in room:lobby"
            ann.types("hello")
            assert await bob.sees() == "ann: hello"
            bob.types("hello yourself")
            assert await ann.sees() == "bob: hello yourself"
            server.cut()
            await server.wait_until(lambda stats: stats["joins"] == 4, TIMEOUT_S)
            assert (await ann.sees()).startswith("* back after")
            assert (await bob.sees()).startswith("* back after")
            assert (await ann.leaves())[0] == 0
            assert (await bob.leaves())[0] == 0
            assert server.stats["leaves"] == 2
        finally:
            for person in (ann, bob):
                if person.process.returncode is None:
                    person.process.kill()
                    await person.process.communicate()


async def test_a_closed_room_ends_the_chat() -> None:
    class Closing(ServerChannel):
        def handle_in(self, event: str, message: Message) -> ServerStop:
            return ServerStop("normal")

    async with Server(channels={"room:*": Closing}) as server:
        ann = Person(server.url, "ann")
        try:
            await ann.start()
            assert await ann.sees() == "* you are ann in room:lobby"
            ann.types("anyone?")
            assert await ann.sees() == "* room:lobby was closed"
            assert await ann.leaves() == (0, "", "")
        finally:
            if ann.process.returncode is None:
                ann.process.kill()
                await ann.process.communicate()
