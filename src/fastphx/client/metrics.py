"""A client's statistics as OpenTelemetry metrics, through its API package."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from fastphx.client.client import Client
from fastphx.client.endpoint import shown_host
from fastphx.client.stats import Stats

GAUGES = frozenset(("sockets", "channels", "in_flight", "unsent", "queue_depth", "last_heartbeat_rtt"))
"""The statistics that can go down. All others are counters."""

COLLECTION_S = 1.0
"""How old a snapshot may be within one collection: a reader asks for one instrument after another."""

_UNITS = {"bytes_in": "By", "bytes_out": "By", "last_heartbeat_rtt": "s"}


def observe(client: Client, meter_provider: Any = None) -> None:
    """Report each of ``client.stats`` as ``fastphx.client.NAME``, with the endpoint's host as an attribute.

    *meter_provider* None is the global one. When the client is gone, nothing more is reported for it. Raises
    RuntimeError if ``opentelemetry-api`` is not installed.
    """
    try:
        from opentelemetry.metrics import Observation, get_meter
    except ModuleNotFoundError:
        raise RuntimeError("metrics= needs OpenTelemetry's API: pip install fastphx[opentelemetry]") from None
    meter = get_meter("fastphx", meter_provider=meter_provider)
    reference = weakref.ref(client)
    attributes = {"server.address": shown_host(client.options.url)}
    collection = _Collection(reference)
    for field in fields(Stats):

        def read(_options: Any, name: str = field.name) -> Iterator[Any]:
            stats = collection.read(name)
            if stats is not None and (value := getattr(stats, name)) is not None:
                yield Observation(value, attributes)

        create = meter.create_observable_gauge if field.name in GAUGES else meter.create_observable_counter
        create(f"fastphx.client.{field.name}", callbacks=[read], unit=_UNITS.get(field.name, "1"))


class _Collection:
    """One snapshot for all instruments of a collection, because OpenTelemetry asks each of them."""

    def __init__(self, client: weakref.ref[Client]) -> None:
        self._client = client
        self._stats: Stats | None = None
        self._taken_at = 0.0
        self._asked: set[str] = set()

    def read(self, name: str) -> Stats | None:
        """The statistics for instrument *name*; None if the client is gone."""
        client = self._client()
        if client is None:
            return None
        now = time.monotonic()
        stats = self._stats
        if stats is None or name in self._asked or now - self._taken_at > COLLECTION_S:
            stats = self._stats = client.stats
            self._taken_at = now
            self._asked.clear()
        self._asked.add(name)
        return stats
