"""A journey that connects in each way there is."""

from fastphx.load import User


class Visitor(User):
    async def run(self) -> None:
        await self.http.get("/stats")
        async with self.socket("/socket") as socket:
            room = await socket.join("room:a")
            await room.push("echo", {})
