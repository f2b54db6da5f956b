"""How many worker processes a run takes by default: one, until what the plan asks for fills it.

A message costs least in one process, which empties many sockets each time it wakes; in two, as many messages
wake a process more often. So there are more workers only if one would have too little of a core left, or too
few open files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fastphx.load.control.open_files import max_connections
from fastphx.load.plan.plan import Plan
from fastphx.load.scenarios import scenario_class
from fastphx.operating_system.machine import usable_cores

FULL = 0.5
"""The part of a core that one worker is planned to use: beyond it, bursts make its schedule lag."""
PUSH_S = 30e-6
"""CPU of a push and its reply if each is read by itself, which costs most; the same for heartbeats."""
CAST_S = 15e-6
"""CPU of a push without a reply."""
DELIVERY_S = 4e-6
"""CPU of a broadcast's delivery to one socket."""
CONNECTION_S = 400e-6
"""CPU of a socket's connecting, joining, leaving and closing."""
MOST_FOR_FILES = 64
"""Workers that are started for their open files alone; for more, --workers must ask."""
HERD_S = 1.0
"""After a storm the connections return within about so long."""


@dataclass(frozen=True, slots=True)
class Workers:
    """How many, and in a clause why so many, unless the plan says it."""

    count: int
    why: str = ""

    def __str__(self) -> str:
        text = f"{self.count} worker{'s' if self.count > 1 else ''}"
        return f"{text} ({self.why})" if self.why else text


def workers_for(plan: Plan, cores: int | None = None, most_sockets: int | None = None) -> Workers:
    """As many as the plan says; else as its estimated CPU fills, no more than *cores* (less one for the
    embedded server), and so many that none holds more than *most_sockets*. Never more than connections."""
    if plan.workers:
        return Workers(min(plan.workers, _most_sockets(plan)))
    cores = (usable_cores() if cores is None else cores) - (plan.url is None)
    most_sockets = max_connections() if most_sockets is None else most_sockets
    if plan.find_limit is not None:
        count, why = cores, "one a core: the load grows"
    elif plan.scenario.endswith(".py"):
        count, why = cores, "one a core: what your scenario's Python takes is not known"
    else:
        what, share = cpu_needed(plan)
        # Rounded, so that a whole number of full workers is not one more.
        count = min(cores, math.ceil(round(share / FULL, 9)))
        percent = f"about {100 * share:.0f} %" if share >= 0.01 else "less than 1 %"
        why = f"{what} need {percent} of a core"
    count = max(1, count)
    for_files = min(MOST_FOR_FILES, -(-plan.connections // most_sockets))
    if for_files > count:
        count, why = for_files, f"a process may hold {most_sockets:,} sockets"
    return Workers(min(count, _most_sockets(plan)), why)


def _most_sockets(plan: Plan) -> int:
    """No worker has less than one; a user of a journey counts as one."""
    return plan.max_users if scenario_class(plan.scenario).is_journey else plan.connections


def cpu_needed(plan: Plan) -> tuple[str, float]:
    """What a plan of the scenarios that are known asks for most, and the part of a core that it needs."""
    scenario = scenario_class(plan.scenario)
    rate = max(step.rate for step in plan.rate)
    heartbeats = plan.connections / plan.heartbeat_s * PUSH_S if plan.heartbeat_s else 0.0
    opened = min(plan.connect_rate, plan.connections / (plan.ramp_s or 1.0))
    if not scenario.holds:
        opened = rate
    elif scenario.has_herd:
        opened = max(opened, plan.connections / HERD_S)
    opening = (f"{opened:,.0f} connections/s", opened * CONNECTION_S)
    if scenario.is_stamped:
        deliveries = rate * (plan.connections - plan.publishers) / plan.topic_count
        schedule = (f"{deliveries:,.0f} deliveries/s", rate * CAST_S + deliveries * DELIVERY_S + heartbeats)
    else:
        pushes = plan.connections / plan.think_time_s if plan.think_time_s else rate
        schedule = (f"{pushes:,.0f} pushes/s", pushes * PUSH_S + heartbeats)
    if not scenario.holds or (not rate and not plan.think_time_s):
        return opening
    # The connections are opened before the schedule starts: only one of the two is under way.
    return max(opening, schedule, key=lambda need: need[1]) if opening[1] > FULL else schedule
