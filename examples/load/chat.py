"""A chat: people join a room, say something, hear it, and think before they say more.

    fastphx load examples/load/chat.py
    fastphx load examples/load/chat.py http://127.0.0.1:4000 --arrivals 50/s --duration 60s

Two of three are talkers; the others only listen.
"""

from fastphx.load import Room, User
from fastphx.protocol.message import Message

ROOMS = 5


class Talker(User):
    weight = 2

    async def run(self) -> None:
        async with self.socket("/socket") as socket:
            room = await socket.join(f"room:{self.number % ROOMS}", {"nick": f"talker {self.number}"})
            for word in ("hello", "how are you?", "bye"):
                await self.say(room, word)
                await self.think(0.1, 0.5)

    async def say(self, room: Room, word: str) -> None:
        mine = {"nick": self.number, "body": word}
        said = room.cast("new_msg", mine)
        # Timed from when it was said; what others say meanwhile stays unread.
        await room.wait_for("new_msg", lambda heard: heard.payload == mine, since=said)


class Listener(User):
    async def run(self) -> None:
        async with self.socket("/socket") as socket:
            room = await socket.join(f"room:{self.number % ROOMS}", {"nick": f"listener {self.number}"})
            heard: list[Message] = []
            room.on("new_msg", heard.append)
            reply = await room.push("echo", {"body": "anyone here?"})
            self.check("echoed", reply.response == {"body": "anyone here?"})
            await self.think(0.5, 1.5)
            self.check("every message has words", all(message.payload["body"] for message in heard))
