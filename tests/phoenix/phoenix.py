"""The Phoenix application of ``app/``, as the suite sees it: its addresses, its versions, its counters."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pytest

TIMEOUT_S = 10.0

EMBEDDED = {"phoenix": "1.8.12", "phoenix_live_view": None, "bandit": "1.12.5", "adapter": "bandit"}
"""What fastphx' embedded server behaves as."""


@dataclass(frozen=True)
class Phoenix:
    """A running application. ``url`` is its socket's, as phoenix.js takes it."""

    url: str

    @property
    def websocket_url(self) -> str:
        return self.url + "/websocket"

    @property
    def short_url(self) -> str:
        """The socket that closes after a second without a frame."""
        return self.url.removesuffix("/socket") + "/short"

    @property
    def http(self) -> str:
        scheme, host = urlsplit(self.url)[:2]
        return f"{scheme.replace('ws', 'http')}://{host}"

    @cached_property
    def versions(self) -> dict[str, Any]:
        """Of ``phoenix``, ``phoenix_live_view``, ``bandit`` and ``cowboy``, and which ``adapter`` is used.
        Raises OSError where nothing answers."""
        try:
            versions: dict[str, Any] = json.loads(_fetch(self.http + "/versions"))
        except urllib.error.HTTPError as error:
            # fastphx' embedded server, which has nothing of the application but its channels.
            error.close()
            return EMBEDDED
        return versions

    @property
    def is_embedded(self) -> bool:
        return self.versions is EMBEDDED

    @property
    def version(self) -> tuple[int, ...]:
        return version_tuple(self.versions["phoenix"])

    @property
    def adapter(self) -> str:
        adapter: str = self.versions["adapter"]
        return adapter

    async def counters(self) -> dict[str, int]:
        """What the application itself has counted since it started."""
        self._needs_the_application()
        counters: dict[str, int] = json.loads(await asyncio.to_thread(_fetch, self.http + "/counters"))
        return counters

    def _needs_the_application(self) -> None:
        if self.is_embedded:
            pytest.skip("fastphx' embedded server counts in its own way, and has no operator")

    async def admin(self, action: str) -> None:
        """Let the operator act: ``disconnect?user=ann``, ``drain``."""
        self._needs_the_application()
        await asyncio.to_thread(_fetch, f"{self.http}/admin/{action}", b"")


def version_tuple(version: str) -> tuple[int, ...]:
    """``1.8.12`` as (1, 8, 12); what comes after a dash is left out."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _fetch(url: str, data: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data, timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read()
    return body
