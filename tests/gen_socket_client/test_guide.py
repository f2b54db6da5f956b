"""The guide's example does what it says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from fastphx import whereis
from fastphx.testing import Server
from tests.gen_socket_client.starter import Starter

GUIDE = Path(__file__).parents[2] / "docs" / "behaviour.md"


async def test_the_example_runs(server: Server, start: Starter, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert example is not None
    code = example[1].replace("ws://127.0.0.1:4000/socket/websocket", server.websocket_url)
    names: dict[str, Any] = {"__name__": "guide"}
    exec(code, names)
    main = asyncio.create_task(names["main"]())
    await server.wait_until(lambda stats: stats["joins"] == 1)
    await server.wait_until(lambda _: whereis("chat").stats["replies"] == 1)  # type: ignore[union-attr]
    chat = whereis("chat")
    assert chat is not None
    assert await chat.call({"x": 1}) == {"x": 1}
    server.broadcast("room:lobby", "new_msg", {"body": "hi"})
    await server.wait_until(lambda _: chat.stats["messages"] == 1)
    chat.send_info("enough")
    await asyncio.wait_for(main, 5)
    assert capsys.readouterr().out == "room:lobby new_msg {'body': 'hi'}\ndone\n"
