"""The package realtime from PyPI, a client of Supabase's Phoenix: a callback for each broadcast."""

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from stopwatch import Stopwatch, main


async def receive(url, stopwatch: Stopwatch):
    split = urlsplit(url)
    frames = 0
    ended = asyncio.get_running_loop().create_future()

    def on_broadcast(payload):
        nonlocal frames
        frames += 1

    def on_state(state, error):
        if state == RealtimeSubscribeStates.CHANNEL_ERROR and not ended.done():
            ended.set_result(None)

    client = AsyncRealtimeClient(
        f"ws://{split.netloc}/socket", params=dict(parse_qsl(split.query)), auto_reconnect=False
    )
    channel = client.channel("lobby").on_broadcast("new_msg", on_broadcast)
    await channel.subscribe(on_state)
    stopwatch.start()
    await channel.push("go", {})
    await ended
    stopwatch.stop()
    return frames


if __name__ == "__main__":
    main(receive)
