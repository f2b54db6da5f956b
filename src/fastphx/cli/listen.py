"""``fastphx listen``: messages as NDJSON, one a line."""

from __future__ import annotations

import asyncio
import base64
import os
import stat
import sys
from contextlib import suppress
from typing import Any

import click
import orjson

from fastphx.cli.connection import connection_options, open_client, parse_json
from fastphx.cli.failure import EXIT_FAILED, failure
from fastphx.cli.lines import write_line
from fastphx.client import Channel, Client, Outage
from fastphx.errors import DecodeError
from fastphx.load.plan.units import duration_s
from fastphx.protocol import json_value
from fastphx.protocol.message import Message


@click.command(short_help="Join topics and print what arrives.")
@click.argument("url")
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
@click.option("--event", "events", multiple=True, metavar="E", help="Print only this event (repeatable).")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="Stop after N messages.")
@click.option("--for", "duration", metavar="TIME", help="Stop after this long, like 500ms, 10s or 2m.")
@connection_options
def listen(
    url: str,
    topics: tuple[str, ...],
    events: tuple[str, ...],
    count: int | None,
    duration: str | None,
    join_payload: str,
    **connection: Any,
) -> int:
    """Join each TOPIC of the socket at URL (ws://HOST/socket) and print its messages, one JSON object a line:
    topic, event, payload (payload_base64 if it is binary), ref and join_ref.

    After an outage, it connects and joins again, and says so on stderr. Exit codes: 0 at the end, or when
    nobody reads the output any more; 1 if --for ended before --count was reached, or a join was refused; 2
    for bad usage; 3 without a connection; 130 if it was interrupted.
    """
    try:
        seconds = None if duration is None else duration_s(duration, "--for")
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    payload = parse_json("--join-payload", join_payload)
    client = open_client(url, **connection, warns=True)
    printer = Printer(frozenset(events), count)
    try:
        reached = asyncio.run(_listen(client, dict.fromkeys(topics), payload, printer, seconds))
    except BrokenPipeError:
        # `| head` has had enough.
        return 0
    except click.ClickException:
        raise
    except Exception as error:
        raise failure(error, url) from error
    return 0 if reached or count is None else EXIT_FAILED


class Printer:
    """Writes messages to stdout, at most *count* of them; ``done`` is set when that is reached."""

    def __init__(self, events: frozenset[str], count: int | None) -> None:
        self._events = events
        self._left = count
        self._writing = asyncio.Lock()
        self.done = asyncio.Event()

    async def write(self, message: Message) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        if self._events and message.event not in self._events:
            return
        try:
            line = ndjson(message)
        except DecodeError as error:
            sys.stderr.write(f"fastphx: {error}\n")
            return
        # The lines of several topics come one after another.
        async with self._writing:
            if self.done.is_set():
                return
            await write_line(line)
            if self._left is not None:
                self._left -= 1
                if self._left == 0:
                    self.done.set()


def ndjson(message: Message) -> bytes:
    """A message as one line. Raises DecodeError for a payload that is not JSON."""
    fields: dict[str, Any] = {"topic": message.topic, "event": message.event}
    if message.is_binary:
        fields["payload_base64"] = base64.b64encode(message.raw).decode()
    else:
        payload = message.payload
        raw = message.raw
        # As it came, where that is one line: a number keeps all its digits.
        one_line = raw and b"\n" not in raw and b"\r" not in raw
        fields["payload"] = orjson.Fragment(raw) if one_line else payload
    fields["ref"] = message.ref
    fields["join_ref"] = message.join_ref
    return json_value.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


async def _listen(
    client: Client, topics: dict[str, None], payload: Any, printer: Printer, seconds: float | None
) -> bool:
    """True where the count was reached. *seconds* are counted from when all topics are joined."""
    async with client:
        channels = [client.channel(topic, payload) for topic in topics]
        all_joined = asyncio.Event()
        unjoined = set(topics)

        async def follow(channel: Channel) -> None:
            await channel.join()
            # Once: what crashes after its join is joined again meanwhile.
            unjoined.discard(channel.topic)
            if not unjoined:
                all_joined.set()
            await _print_all(channel, printer)
            if client.closed_because is None:
                sys.stderr.write(f"fastphx: the server closed {channel.topic}\n")

        ends = [
            asyncio.ensure_future(end)
            for end in (
                printer.done.wait(),
                asyncio.gather(*map(follow, channels)),
                client.wait_closed(),
                _reader_gone(),
            )
        ]
        joined = asyncio.ensure_future(all_joined.wait())
        try:
            await asyncio.wait((joined, *ends), return_when=asyncio.FIRST_COMPLETED)
            if not any(end.done() for end in ends):
                await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if client.closed_because is not None:
                raise client.closed_because
            for end in ends:
                if end.done():
                    end.result()
            return printer.done.is_set()
        finally:
            for task in (joined, *ends):
                task.cancel()
            await asyncio.gather(joined, *ends, return_exceptions=True)


async def _print_all(channel: Channel, printer: Printer) -> None:
    """Print a topic's messages until the server closes it."""
    async for message in channel:
        if isinstance(message, Outage):
            sys.stderr.write(
                f"fastphx: {channel.topic} is joined again after an outage of {message.duration_s:.1f} s\n"
            )
        else:
            await printer.write(message)


async def _reader_gone() -> None:
    """Raise BrokenPipeError when nobody reads stdout any more; for ever where that cannot be known."""
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.stdout is None:
        await gone.wait()
    descriptor = sys.stdout.fileno()
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode):
        # The writing end of a pipe becomes readable only by the error that its reading end is closed.
        with suppress(OSError):
            loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
    raise BrokenPipeError
