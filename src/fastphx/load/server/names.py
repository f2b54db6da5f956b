"""The usual names of the BEAM's, Phoenix' and Ecto's metrics, which are shown without being asked for.

They are those of ``telemetry_metrics_prometheus_core`` with what Phoenix' generated telemetry module
measures, of PromEx, whose names have the application's name in front, and of ``prometheus.erl``.
"""

from __future__ import annotations

import re

from fastphx.load.plan.server_metric import ServerMetric

_TIME = "(?:_(?:nano|micro|milli)?seconds)?"
_USUAL = (
    # Memory.
    r"vm_memory_total(?:_(?:kilo|mega)?bytes)?",
    r"vm_memory_(?:processes|binary|ets)(?:_(?:kilo|mega)?bytes)?",
    r"beam_memory_allocated_bytes",
    r"erlang_vm_memory_bytes_total",
    # Run queues, and the schedulers that they belong to.
    r"vm_total_run_queue_lengths_(?:total|cpu|io)",
    r"beam_stats_run_queue_count",
    r"erlang_vm_statistics_run_queues_length(?:_total)?",
    r"beam_system_schedulers_online_info",
    r"erlang_vm_schedulers_online",
    # Processes and ports.
    r"vm_system_counts_(?:process|port)_count",
    r"beam_stats_(?:process|port)_count",
    r"erlang_vm_(?:process|port)_count",
    r"erlang_vm_(?:processes|ports)",
    # Ecto.
    rf"repo_query_(?:queue|query|total|execution)_time{_TIME}",
    # Phoenix.
    rf"phoenix_channel_joined_duration{_TIME}",
    r"phoenix_channel_joined(?:_duration)?_(?:total|count)",
    rf"phoenix_channel_handled_in_duration{_TIME}",
    rf"phoenix_socket_connected_duration{_TIME}",
)
_PATTERN = re.compile(rf"(?:\w+_)?(?:{'|'.join(_USUAL)})", re.ASCII)
_SELECTED = {"erlang_vm_memory_bytes_total": ('{kind="processes"}', '{kind="system"}')}
"""What only means something for one value of a label."""


def usual_metrics(name: str) -> tuple[ServerMetric, ...]:
    """What to show of the metric that the page calls *name*; nothing where it is no usual one."""
    if _PATTERN.fullmatch(name) is None:
        return ()
    return tuple(ServerMetric.parse(name + labels) for labels in _SELECTED.get(name, ("",)))
