"""A game: each player moves ten times a second on a clock, and sees where the others are.

    fastphx load examples/load/game.py --users 40

A move that comes late, because the one before took too long, is timed from when it was due.
"""

from fastphx.load import User
from fastphx.protocol.message import Message

PLAYERS = 4
"""In one game."""


class Player(User):
    async def run(self) -> None:
        async with self.socket("/socket") as socket:
            game = await socket.join(f"room:game {self.number // PLAYERS}", name="join game")
            places: dict[int, tuple[float, float]] = {}

            def moved(message: Message) -> None:
                places[message.payload["player"]] = (message.payload["x"], message.payload["y"])

            game.on("new_msg", moved)
            x = y = 0.0
            async for _ in self.every(0.1, times=30):
                x += self.random.uniform(-1, 1)
                y += self.random.uniform(-1, 1)
                where = {"player": self.number, "x": x, "y": y}
                reply = await game.push("echo", where, name="move")
                self.check("moved there", reply.response == where)
                game.cast("new_msg", where)
            await game.push("echo", name="end of the game")
            self.check("saw its own moves", places.get(self.number) == (x, y))
