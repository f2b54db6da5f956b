"""A plan's TOML file. What is read back of a plan is the same plan; all else is one sentence."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.plan_file import read_plan
from tests.fuzz.memory_file import MemoryFile
from tests.fuzz.pieces import NOT_UTF8

KEYS = Plan.keys()
PIECES = (
    *(f"{key} = ".encode() for key in KEYS),
    *(
        b"\n",
        b'"',
        b"'''",
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b".",
        b",",
        b"inf",
        b"nan",
        b"-",
        b"1e400",
        b"0x7f",
        b"true",
    ),
    *(
        b'"10s"',
        b'"500ms"',
        b'"100/s"',
        b'"100/s:30s,500/s:60s"',
        b'"95%"',
        b'"rtt.p99<50ms"',
        b'"lost==0"',
        b'"env:A"',
    ),
    *(
        b'"ws://h/s"',
        b'"echo"',
        b'"fanout"',
        b'"storm"',
        b'"a=b"',
        b'"@x"',
        b"1979-05-27",
        b"9" * 30,
        *NOT_UTF8,
    ),
)
MAX_BYTES = 1024
FILE = MemoryFile("plan.toml")
SEEDS = (
    b'url = "ws://h/s"\nconnections = 10\nrate = "100/s"\nduration = "10s"\nthreshold = ["lost==0"]\n',
    b'threshold = ["rtt.p99<50ms", "step[\\"a b\\"].p95<1s"]\ngraceful-stop = 0\n',
    b'scenario = "fanout"\ntopics = 2\npublishers = 3\nparam = {a = "b"}\nheader = ["x=y"]\n',
    b'event = {echo = 3, b = 1}\nevent-payload = {b = {c = 1}}\nconnect-rate = "5/m"\n',
    b'scenario = "storm"\nstorm = "drain"\nstorm-at = "1s"\nsource = "127.0.0.1-127.0.0.9"\n',
    b'find-limit = "rate"\nlimit-precision = "5%"\nserver-metric = ["a", "b{c=\\"d\\"}"]\n',
    b'arrivals = "1/s:10s,2/s:20s"\nusers = 5\npause = "1s"\npayload = {a = [1, 2.5, true]}\n',
    b'server-metrics = "http://h/metrics"\nvsn = "1.0.0"\nseed = 7\nmax-cpu = "95%"\n',
    *(f"{key} = 1\n{key}x = '1'\n".encode() for key in KEYS),
)


def seeds() -> Iterable[bytes]:
    return SEEDS


def check(data: bytes) -> None:
    try:
        plan = Plan.from_mapping(read_plan(FILE.holding(data)))
    except PlanError as error:
        # A reason of tomllib's may be long, and a list of all keys is.
        assert "\n" not in str(error)
        return
    # As a worker gets it.
    mapping = orjson.loads(orjson.dumps(plan.to_mapping()))
    assert Plan.from_mapping(mapping) == plan
    orjson.dumps(plan.public_mapping())
    assert plan.asked_metrics is not None
    assert plan.run_name
