"""What people write without a Channels client: websockets and json."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from websockets.asyncio.client import connect

from stopwatch import Stopwatch, main


async def receive(url, stopwatch: Stopwatch):
    frames = 0
    async with connect(url, compression=None) as connection:
        await connection.send('["1","1","room:lobby","phx_join",{}]')
        await connection.recv()
        stopwatch.start()
        await connection.send('["1","2","room:lobby","go",{}]')
        async for text in connection:
            _join_ref, _ref, topic, event, _payload = json.loads(text)
            if topic == "room:lobby" and event == "new_msg":
                frames += 1
    stopwatch.stop()
    return frames


if __name__ == "__main__":
    main(receive)
