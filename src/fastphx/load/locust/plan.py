"""The plan of one user class, from what a locustfile says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastphx.errors import clip
from fastphx.load.control.preflight import preflight
from fastphx.load.locust.scenario_file import ScenarioFile, look_into
from fastphx.load.plan.app import App
from fastphx.load.plan.defaults import defaults_of
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.target import Target
from fastphx.load.plan.units import MAX_DURATION_S, MAX_RATE_PER_S

NOT_JUDGED = "whether the client kept up is not judged here: Locust warns of its own CPU"
FAILED_BY_LOCUST = "what fails a run is Locust's: see --exit-code-on-error and environment.process_exit_code"
NO_SEARCH = "how many users there are is Locust's, and so is how it grows: see LoadTestShape"
NO_SERVER = "its figures are not shown in Locust: watch it beside the run"
NOT_HERE = {
    "connections": "the users are the sockets: their number is Locust's",
    "ramp": "the spawn rate is Locust's",
    "poisson": "each socket pushes at a pace of its own",
    "arrivals": "the visits of a user follow each other here: how many users there are is Locust's",
    "users": "their number is Locust's",
    "iterations": "a user visits until Locust stops it",
    "data_unique": "a user has the row of its number, and the users of other workers are not known",
    "duration": "the run time is Locust's",
    "workers": "the workers are Locust's",
    "url": "the URL is the user's host",
    "max_schedule_lag": NOT_JUDGED,
    "max_loop_lag": NOT_JUDGED,
    "max_cpu": NOT_JUDGED,
    **dict.fromkeys(
        (
            "allow_unjoined",
            "allow_disconnects",
            "allow_crashes",
            "allow_lost",
            "allow_error_replies",
            "allow_unsent",
            "allow_missing",
            "allow_failed",
        ),
        FAILED_BY_LOCUST,
    ),
    "threshold": FAILED_BY_LOCUST,
    **dict.fromkeys(("find_limit", "limit_precision", "recover", "step_max"), NO_SEARCH),
    **dict.fromkeys(("server_pid", "server_metrics", "server_metric"), NO_SERVER),
}
ANY_HOST = "ws://localhost/socket"
"""For what does not depend on the host."""
SELF_OPENING = ("churn", "storm")


NO_FILE = ScenarioFile(is_journey=False, before=False, after=False)


@dataclass(frozen=True, slots=True)
class UserPlan:
    """What one worker process does for a user class."""

    plan: Plan
    file: ScenarioFile = NO_FILE

    @property
    def rate_of_socket(self) -> float:
        """Pushes a second of one socket."""
        return self.plan.rate[0].rate


def user_plan(mapping: Mapping[str, object], host: str | None) -> UserPlan:
    """A plan whose rate is one of each socket, in pushes a second, and which goes on until it is stopped.

    Raises PlanError for what Locust decides, and for scenarios that open sockets by themselves.
    """
    if not isinstance(mapping, Mapping):
        raise PlanError(
            f"the plan is a {type(mapping).__name__}: give keys with their values, "
            'like {"scenario": "echo", "rate": 0.5}'
        )
    for key in mapping:
        if not isinstance(key, str):
            raise PlanError(f"the key {clip(str(key))} of the plan is not a text")
        if key.replace("-", "_") in NOT_HERE:
            why = NOT_HERE[key.replace("-", "_")]
            raise PlanError(f"{key} is not part of a Locust user's plan: {why}")
    if not host:
        raise PlanError(
            "the user has no host: give the socket's URL, like ws://127.0.0.1:4000/socket, or for a journey "
            "the application's, like http://127.0.0.1:4000"
        )
    name = mapping.get("scenario", "echo")
    if name in SELF_OPENING:
        raise PlanError(f"{name} opens sockets by itself: use idle, and Locust's users and shapes")
    rate, publishers = mapping.get("rate"), mapping.get("publishers", 1)
    if isinstance(publishers, int) and publishers < 1:
        raise PlanError(f"publishers is {publishers}: give 1 or more")
    if isinstance(rate, str) and ":" in rate:
        raise PlanError(
            "the rate is one of each socket, like 0.5: its steps are Locust's, with a LoadTestShape"
        )
    given = {**mapping, "url": host, "duration": MAX_DURATION_S}
    file = NO_FILE
    if isinstance(name, str) and name.endswith(".py"):
        file = look_into(Plan.from_mapping({"rate": 0.0, **given, "url": ANY_HOST}))
    if file.is_journey:
        given["rate"] = 0.0
        App(host)
    else:
        given.setdefault("connect_rate", MAX_RATE_PER_S)
        # A socket's number alone says whether it publishes; the count only has to allow for it.
        given["connections"] = publishers + 1 if isinstance(publishers, int) else 2
        if rate is None and not mapping.get("think_time"):
            # Only the scenarios that push by a schedule have another default than 0.
            given["rate"] = 0.0 if defaults_of(str(name)).get("rate") == 0.0 else 1.0
    plan = Plan.from_mapping(given)
    if file is NO_FILE:
        preflight(plan)
    else:
        # The file has passed, whatever the host is.
        Target(plan)
    return UserPlan(plan, file)
