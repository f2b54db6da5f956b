"""What a client has counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """A client's counters and gauges at one moment, over all its sockets and connections."""

    sockets: int
    channels: int
    """Channels that are joined or will be joined again."""
    frames_in: int
    frames_out: int
    bytes_in: int
    bytes_out: int
    messages: int
    """Messages of channels, without replies."""
    replies: int
    """Replies to pushes, joins and leaves."""
    decode_errors: int
    """Frames whose header cannot be read. A broken payload raises where it is read."""
    stale: int
    """Messages dropped because their join_ref is not the channel's current one."""
    unknown_topic: int
    """Messages of topics that are not joined here."""
    unhandled: int
    """Messages that no handler and no iterator took."""
    handler_errors: int
    """Exceptions of handlers, payload callables and state callbacks."""
    expired: int
    """Pushes and rejoins that were not answered in time."""
    in_flight: int
    """Pushes that wait for their reply."""
    unsent: int
    """Pushes and casts that wait for their channel to be joined."""
    unsent_dropped: int
    """Casts that were not sent before their deadline, or before their channel was closed."""
    queue_depth: int
    """Messages that wait in queues, for an iterator or an async handler."""
    dropped: int
    """Messages that these queues have dropped."""
    reconnects: int
    """Connections that were opened after the first one of each socket."""
    connect_errors: int
    """Connection attempts that failed."""
    gaps: int
    """Outages of channels."""
    heartbeats_sent: int
    heartbeats_answered: int
    stale_heartbeats: int
    heartbeat_timeouts: int
    last_heartbeat_rtt: float | None
    """Seconds, for the socket that was answered last."""
