"""Rooms and sockets of a journey: messages that are waited for, connections that are lost."""

from __future__ import annotations

from fastphx.testing import Server
from tests.load.journeys.conftest import Run


async def test_a_message_that_came_before_it_was_waited_for_is_not_missed(run: Run) -> None:
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            room.cast("push", {"n": 1})
            room.cast("push", {"n": 2})
            room.cast("push", {"n": 3})
            second = await room.wait_for("pushed", lambda m: m.payload["n"] == 2)
            first = await room.wait_for("pushed")
            third = await room.wait_for("pushed")
            self.check("order", [m.payload["n"] for m in (first, second, third)] == [1, 2, 3])
            self.check("none is left", not len(room.unread))
""")
    assert ran.checks == {"order": [1, 0], "none is left": [1, 0]}
    assert ran.steps["wait pushed"]["ok"] == 3


async def test_a_wait_is_timed_from_what_it_is_since(run: Run) -> None:
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            said = room.cast("new_msg", {})
            await self.think(0.2)
            await room.wait_for("new_msg", since=said, name="since")
            room.cast("new_msg", {})
            await self.think(0.2)
            await room.wait_for("new_msg", name="from the call")
            self.check("kept no wait", not room.unread._waits)
""")
    longest = ran.longest_ns()
    # It came before the call; since its cast it took what a broadcast takes, and not the thinking.
    assert longest["from the call"] == 0
    assert 0 < longest["since"] < 200_000_000


async def test_what_never_comes_times_out_and_says_so(run: Run) -> None:
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            await room.wait_for("new_msg", timeout=0.01)
""")
    assert ran.reasons["visit"] == {"wait new_msg: timeout": 1}
    assert ran.steps["wait new_msg"]["reasons"] == {"timeout": 1}


async def test_a_predicate_that_raises_is_the_scripts_fault(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        if self.number == 0:
            return
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            said = room.cast("new_msg", {})
            await room.wait_for("new_msg", lambda m: m.payload["nothing"])
""",
        iterations=2,
    )
    assert ran.reasons["script"] == {"KeyError at shop.py:10": 1}


async def test_unread_messages_are_bounded_and_what_is_dropped_is_counted(run: Run) -> None:
    ran = await run("""
from fastphx.load.journeys import room as rooms
rooms.MAX_UNREAD = 5
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            for n in range(20):
                room.cast("push", {"n": n})
            await room.push("echo", {})
            self.check("the newest are kept", (await room.wait_for("pushed")).payload == {"n": 15})
""")
    assert ran.checks == {"the newest are kept": [1, 0]}
    assert ran.totals["unread_dropped"] == 15
    assert ran.totals["deliveries"] == 20


async def test_a_room_is_iterated_and_its_handlers_come_first(run: Run) -> None:
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            handled = []
            room.on("new_msg", handled.append)
            room.cast("new_msg", {})
            for n in range(3):
                room.cast("push", {"n": n})
            seen = []
            async for message in room:
                seen.append(message.payload["n"])
                if len(seen) == 3:
                    break
            self.check("all", seen == [0, 1, 2] and len(handled) == 1)
""")
    assert ran.checks == {"all": [1, 0]}


async def test_a_crash_and_a_cut_fail_what_waits_at_once(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            room.cast("crash" if self.number == 0 else "kill_socket")
            await room.wait_for("never", timeout=30)
""",
        iterations=2,
    )
    assert ran.reasons["visit"] == {
        "wait never: the channel crashed": 1,
        "wait never: disconnected": 1,
    }
    assert ran.totals["disconnects"] == 1
    assert ran.totals["joins"] == 2


async def test_pushes_in_flight_are_lost_with_their_reasons(run: Run) -> None:
    ran = await run(
        """
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            room = await socket.join("room:lobby")
            event = ("crash", "kill_socket", "noreply", "stop")[self.number]
            await room.push(event, timeout=30 if event != "noreply" else 0.01, name="push it")
""",
        iterations=4,
    )
    totals = ran.totals
    assert (totals["lost_errored"], totals["lost_disconnected"]) == (1, 1)
    assert (totals["lost_timeout"], totals["lost_closed"]) == (1, 1)
    assert ran.steps["push it"]["reasons"] == {
        "the channel crashed": 1,
        "disconnected": 1,
        "timeout": 1,
        "the channel was closed": 1,
    }


async def test_what_cannot_be_sent_any_more_says_why_without_topics(run: Run) -> None:
    ran = await run("""
from fastphx import FastphxError
class Visitor(User):
    async def tries(self, name, awaitable):
        try:
            await awaitable
        except FastphxError:
            pass
    async def run(self):
        socket = await self.socket()
        room = await socket.join("room:lobby")
        await self.tries("twice", socket.join("room:lobby", name="twice"))
        await room.leave()
        await self.tries("left", room.push("echo", name="left"))
        other = await socket.join("room:other")
        await self.tries("cut", other.push("kill_socket", name="cut"))
        await self.tries("later", other.push("echo", name="later"))
""")
    reasons = {name: list(step["reasons"]) for name, step in ran.steps.items() if "reasons" in step}
    assert reasons == {
        "twice": ["joined already"],
        "left": ["not joined"],
        "cut": ["disconnected"],
        "later": ["disconnected"],
    }


async def test_refused_joins_are_one_reason_whatever_their_topics(run: Run) -> None:
    ran = await run(
        """
class Visitor(User):
    async def run(self):
        async with self.socket() as socket:
            await socket.join(f"nowhere:{self.number}")
""",
        iterations=3,
    )
    assert ran.reasons["join"] == {"refused: unmatched topic": 3}


async def test_a_socket_reconnects_where_it_is_asked_to(run: Run) -> None:
    ran = await run("""
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket(reconnect=True) as socket:
            room = await socket.join("room:lobby")
            back = asyncio.Event()
            room.on_outage(lambda _: back.set())
            room.cast("kill_socket")
            await back.wait()
            await room.push("echo", {})
""")
    assert ran.totals["visits_ok"] == 1
    assert ran.totals["connections"] == 2
    assert ran.totals["joins"] == 2
    assert ran.totals["disconnects"] == 1


async def test_what_the_client_can_a_journey_can(run: Run) -> None:
    ran = await run("""
from fastphx import Presence
class Visitor(User):
    async def run(self):
        async with self.socket(transport="longpoll") as socket:
            here = Presence(await socket.join("presence:lobby", {"user": "ann"}))
            while not here.list():
                await self.think(0.001)
            room = await socket.join("room:lobby")
            reply = await room.push("echo", b"binary")
            self.check("binary", reply.response == b"binary")
            await room.leave()
            self.check("left", str(room.state) == "closed")
""")
    assert ran.checks == {"binary": [1, 0], "left": [1, 0]}
    assert ran.reasons == {}


async def test_a_refused_connection_is_a_failed_step(run: Run, server: Server) -> None:
    server.faults.refuse_connects = 403
    ran = await run("""
class Visitor(User):
    async def run(self):
        async with self.socket("/socket"):
            pass
""")
    assert ran.totals["connect_errors"] == 1
    (reason,) = ran.steps["connect /socket"]["reasons"]
    assert "403" in reason
    assert ran.reasons["connect"] == {reason: 1}


async def test_ticks_are_due_on_a_clock_and_only_their_first_step_is(run: Run) -> None:
    ran = await run("""
import asyncio, time
class Visitor(User):
    async def run(self):
        async for n in self.every(0.02, times=3):
            if n == 0:
                # A script that blocks its worker is what makes the ticks that follow late.
                time.sleep(0.05)
            async with self.step("first"):
                pass
            async with self.step("second"):
                pass
        async for n in self.every(0.02, times=3):
            if n == 1:
                time.sleep(0.03)  # Blocks.
                break
        async with self.step("after a break"):
            pass
        async for n in self.every(0.02, times=2):
            if n == 0:
                time.sleep(0.05)  # Blocks.
            async def task():
                async with self.step("in a task"):
                    pass
            await asyncio.gather(task())
""")
    longest = ran.longest_ns()
    assert longest["first"] >= 50_000_000
    for name in ("second", "after a break", "in a task"):
        assert longest[name] < 20_000_000, name
    assert ran.totals["ticks"] == 7
    assert ran.totals["late_ticks"] == 3


async def test_a_visit_uses_several_sockets_and_topics_at_once(run: Run) -> None:
    ran = await run("""
import asyncio
class Visitor(User):
    async def run(self):
        async with self.socket() as one, self.socket() as two:
            rooms = [await socket.join(f"room:{n}") for socket in (one, two) for n in range(3)]
            replies = await asyncio.gather(*(room.push("echo", {"n": n}) for n, room in enumerate(rooms)))
            self.check("each", [reply.response["n"] for reply in replies] == list(range(6)))
""")
    assert ran.checks == {"each": [1, 0]}
    assert ran.steps["push echo"]["ok"] == 6
    assert ran.steps["join room"]["ok"] == 6
