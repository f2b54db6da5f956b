"""``fastphx push``: one message, and its reply."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress
from typing import Any

import click
import orjson

from fastphx.cli.connection import connection_options, open_client, parse_json
from fastphx.cli.failure import EXIT_FAILED, failure
from fastphx.cli.lines import write_line
from fastphx.client import Client
from fastphx.client.push import PushReply
from fastphx.protocol import json_value


@click.command(short_help="Push one message and print its reply.")
@click.argument("url")
@click.argument("topic")
@click.argument("event")
@click.argument("payload", metavar="[JSON]", default="{}")
@connection_options
def push(url: str, topic: str, event: str, payload: str, join_payload: str, **connection: Any) -> int:
    """Join TOPIC of the socket at URL (ws://HOST/socket), push EVENT with the payload JSON (@FILE, or - for
    standard input; {} by default), and print the reply as a JSON object: status and response
    (response_base64 if it is binary).

    Exit codes: 0 if the reply's status is ok; 1 if it is not, there is no reply, or the join was refused; 2
    for bad usage; 3 without a connection; 130 if it was interrupted.
    """
    body = parse_json("JSON", payload)
    join = parse_json("--join-payload", join_payload)
    client = open_client(url, **connection, warns=False)
    try:
        reply = asyncio.run(_push(client, topic, event, body, join))
    except Exception as error:
        raise failure(error, url) from error
    fields: dict[str, Any] = {"status": reply.status}
    if isinstance(reply.response, bytes):
        fields["response_base64"] = base64.b64encode(reply.response).decode()
    else:
        fields["response"] = reply.response
    line = json_value.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
    with suppress(BrokenPipeError):
        asyncio.run(write_line(line))
    return 0 if reply.status == "ok" else EXIT_FAILED


async def _push(client: Client, topic: str, event: str, payload: Any, join_payload: Any) -> PushReply:
    async with client:
        channel = await client.join(topic, join_payload)
        return await channel.push(event, payload, check=False)
