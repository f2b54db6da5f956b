"""A FastAPI app that relays a channel: one connection to Phoenix, any number of browsers.

    PHOENIX_URL=ws://127.0.0.1:4000/socket PHOENIX_TOPIC=room:lobby \
        uvicorn --factory examples.relay:create_app

``GET /events`` is a stream of server-sent events, ``POST /events/NAME`` pushes its JSON body to the channel
and answers with the reply's response, ``GET /health`` tells the connection's state.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse

import fastphx
from fastphx import Outage

LISTENER_BACKLOG = 100
"""Events that wait for a slow browser; one that falls further behind is cut, and may connect again."""


def create_app(url: str | None = None, topic: str | None = None) -> FastAPI:
    client = fastphx.connect(url or os.environ["PHOENIX_URL"])
    room = client.channel(topic or os.environ["PHOENIX_TOPIC"])
    listeners: set[asyncio.Queue[str | None]] = set()

    async def relay() -> None:
        async for message in room:
            if isinstance(message, Outage):
                event = f"event: outage\ndata: {message.duration_s:.3f}\n\n"
            elif message.is_binary:
                # Server-sent events are text.
                event = f"event: {message.event}\ndata: {base64.b64encode(message.raw).decode()}\n\n"
            else:
                # JSON from the server may be spread over lines, and an event's data is a line each.
                data = "\n".join(f"data: {line}" for line in message.raw.decode().splitlines())
                event = f"event: {message.event}\n{data}\n\n"
            for listener in list(listeners):
                if listener.full():
                    listeners.discard(listener)
                    listener.get_nowait()
                    listener.put_nowait(None)
                else:
                    listener.put_nowait(event)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            await room.join()
            relaying = asyncio.create_task(relay())
            yield
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)

    app = FastAPI(title="relay", lifespan=lifespan)

    @app.get("/events")
    async def events() -> StreamingResponse:
        listener: asyncio.Queue[str | None] = asyncio.Queue(maxsize=LISTENER_BACKLOG)
        listeners.add(listener)

        async def stream() -> AsyncIterator[str]:
            try:
                yield ": joined\n\n"
                while (event := await listener.get()) is not None:
                    yield event
            finally:
                listeners.discard(listener)

        return StreamingResponse(stream(), media_type="text/event-stream")

    @app.post("/events/{name}")
    async def push(name: str, payload: dict[str, Any]) -> Any:
        try:
            reply = await room.push(name, payload)
        except fastphx.PushError as error:
            raise HTTPException(422, error.reply.response) from error
        except fastphx.FastphxError as error:
            raise HTTPException(503, str(error)) from error
        return reply.response

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"state": client.state, "listeners": len(listeners)}

    return app
