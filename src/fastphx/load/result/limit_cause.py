"""What the server's own figures say of a limit: what it used at the load that held and at the one that broke,
and the cause as far as it can be told from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GREW = 1.5
"""Memory that is so much more where the server gave out grows."""
WAITED = 3.0
"""So much longer in the pool's queue than where the server held is a wait."""
MIB = 1 << 20


def server_sentences(loads: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the server used, by load, in the order given: that which held, and that which did not. Empty where
    nothing is known of the server."""
    used = [f"{text} at {load}" for load, server in loads.items() if (text := _used(server))]
    sentences = [f"the server used {', and '.join(used)}"] if used else []
    figures = list(loads.values())
    if len(figures) == 2:
        sentences += _causes(*figures)
    return sentences


def _used(server: Mapping[str, Any]) -> str:
    """The BEAM busy-waits: what it uses of its cores does not tell whether it had more to give."""
    process = server.get("process")
    if not process:
        return ""
    return (
        f"{process['cores_used']:.2g} of {process['cores']:.3g} cores and "
        f"{process['rss_bytes_max'] / MIB:,.0f} MiB"
    )


def _causes(held: Mapping[str, Any], broke: Mapping[str, Any]) -> Iterator[str]:
    before, after = held.get("metrics", {}), broke.get("metrics", {})
    schedulers = next(
        (each for name in after if "schedulers_online" in name and (each := _mean(after, name))), None
    )
    schedulers = schedulers or broke.get("process", {}).get("cores")
    for name in after:
        queue = _mean(after, name)
        if "run_queue" in name and schedulers and queue is not None and queue > schedulers:
            on_average = f"{name} is {queue:.3g} on average"
            yield f"its run queues were longer than its {schedulers:.3g} schedulers: {on_average}"
            break
    for name in after:
        waited, usual = _mean(after, name), _mean(before, name)
        if "queue_time" in name and waited and usual is not None and waited > WAITED * usual:
            yield f"queries waited for the pool: {name} is {waited:.3g} on average, and was {usual:.3g}"
            break
    grown = [
        (name, _mean(before, name), _mean(after, name))
        for name in after
        if "memory" in name and "total" in name
    ]
    process = [each.get("process", {}).get("rss_bytes_max") for each in (held, broke)]
    for name, usual, now in [*grown, ("resident memory in bytes", *process)]:
        if usual and now and now > GREW * usual:
            yield f"its memory grew: {name} is {now:,.0f}, and was {usual:,.0f}"
            break


def _mean(metrics: Mapping[str, Any], name: str) -> float | None:
    value = metrics.get(name, {}).get("mean")
    return float(value) if isinstance(value, int | float) else None
