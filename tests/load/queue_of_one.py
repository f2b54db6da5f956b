"""A queue that is served by one, with arrivals at random and the same service time for all: M/D/1."""

import math
from random import Random


def waits_longer(rate: float, service_s: float, time_s: float) -> float:
    """The part of the arrivals that waits longer than *time_s* before it is served.

    Crommelin's formula (1932): P(W <= t) = (1 - rho) * sum over j from 0 to floor(t / D) of
    (rate * (j * D - t)) ** j / j! * exp(-rate * (j * D - t)). Its terms alternate and grow; for the ten of
    them that t / D = 9 has, double precision is ample.
    """
    steps = math.floor(time_s / service_s + 1e-9)
    terms = (rate * (j * service_s - time_s) for j in range(steps + 1))
    total = sum(x**j / math.factorial(j) * math.exp(-x) for j, x in enumerate(terms))
    return 1 - (1 - rate * service_s) * total


def limit_of_md1(service_s: float, level: float, sojourn_s: float) -> float:
    """The rate at which that part of the arrivals (0.99: the p99) has left after *sojourn_s*, which is the
    wait and the service."""
    low, high = 0.0, 1 / service_s
    for _ in range(60):
        middle = (low + high) / 2
        if waits_longer(middle, service_s, sojourn_s - service_s) < 1 - level:
            low = middle
        else:
            high = middle
    return low


def sojourns(rate: float, service_s: float, number: int, random: Random) -> list[float]:
    """How long each of *number* arrivals stays, by Lindley's recursion."""
    wait_s, times = 0.0, []
    for _ in range(number):
        times.append(wait_s + service_s)
        wait_s = max(0.0, wait_s + service_s - random.expovariate(rate))
    return times
