"""Imports point one way: a room may import what stands left of it, in Python and in Cython."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from ci.imports import PACKAGE, circles, import_graph, imported, module_of, sources
from ci.rooms import PICTURE, drawing

from tests.house.checkout import own_text

ORDER = (
    "foreign_text",
    "errors",
    "operating_system",
    "timing",
    "protocol",
    "serializers",
    "transports",
    "gen_socket_client",
    "client",
    "liveview",
    "testing",
    "load",
    "probe",
    "cli",
    "__main__",
)
ORDER_IN_LOAD = (
    "plan",
    "journeys",
    "scenarios",
    "server",
    "result",
    "worker",
    "control",
    "report",
    "live_page",
    "library",
    "locust",
)
ABOVE_ALL = {"__init__"}
"""The public names may come from everywhere, and nothing inside asks for them."""

Graph = Mapping[str, set[str]]
"""The modules that each module imports."""


@pytest.fixture(scope="module")
def graph() -> Graph:
    # Not when it is imported: each process that collects tests would read all of the source.
    return import_graph()


def backwards(graph: Graph, order: tuple[str, ...], place: Callable[[str], str | None]) -> list[str]:
    """The imports against *order*; *place* says which of it a module belongs to, or None where to none."""
    missing = {found for found in map(place, graph) if found is not None} - set(order)
    assert missing == set(), "what has no place in the order of imports"
    return [
        f"{module} imports {asked}"
        for module in sorted(graph)
        for asked in sorted(graph[module])
        if (own := place(module)) is not None
        and (other := place(asked)) is not None
        and order.index(own) < order.index(other)
    ]


def room(module: str) -> str | None:
    name = module.split(".")[1]
    return None if name in ABOVE_ALL else name


def room_in_load(module: str) -> str | None:
    words = module.split(".")
    return words[2] if words[1] == "load" and words[2] not in ABOVE_ALL else None


def test_a_room_imports_only_what_stands_left_of_it(graph: Graph) -> None:
    assert backwards(graph, ORDER, room) == []


def test_a_room_inside_load_imports_only_what_stands_left_of_it(graph: Graph) -> None:
    assert backwards(graph, ORDER_IN_LOAD, room_in_load) == []


def test_nothing_asks_for_the_public_names(graph: Graph) -> None:
    assert [module for module, asked in graph.items() if "fastphx.__init__" in asked] == []


def test_a_name_of_the_protocol_is_imported_from_where_it_is_defined() -> None:
    """``protocol.codec`` gathers names for users; nothing of ours goes by it."""
    asked = re.compile(r"\bfastphx\.protocol\.codec\b|\bfastphx\.protocol import\b[^#\n]*\bcodec\b")
    asking = [str(path) for path, text in own_text() if path.suffix != ".md" and asked.search(text)]
    assert asking == []


def test_no_imports_go_round(graph: Graph) -> None:
    assert circles(graph) == []


def test_a_circle_is_seen() -> None:
    circular = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "d"}, "e": set()}
    assert circles(circular) == [["a", "b", "c"], ["d"]]


def test_a_module_is_all_of_its_files() -> None:
    meter = PACKAGE / "load" / "worker" / "meter"
    names = {module_of(meter.with_suffix(suffix)) for suffix in (".pyx", ".pxd", ".pyi")}
    assert names == {"fastphx.load.worker.meter"}
    assert {path.suffix for path in sources()} == {".py", ".pyi", ".pyx", ".pxd"}


PYTHON = """
from __future__ import annotations
import fastphx.load.plan.plan, os
from typing import TYPE_CHECKING
from fastphx.client import channel, Socket
from .sibling import name
from . import other
if TYPE_CHECKING:
    from fastphx.cli.load import DEMO
def later():
    from fastphx import timing
"""
CYTHON = """
from fastphx.load.meter cimport Meter, \\
    Other
from fastphx.protocol cimport (
    codec, joins,
)
import fastphx.client.socket as socket
cimport fastphx.transports.websocket
    from fastphx import cli
from libc.stdint cimport int64_t
from fastphx.testing.server import Server
"""


SEEN_IN_PYTHON = """
load.plan.plan client.channel client.__init__ room.sibling room.other cli.load timing.__init__
"""
SEEN_IN_CYTHON = """
load.meter protocol.codec protocol.joins client.socket transports.websocket cli.__init__ testing.server
"""


@pytest.mark.parametrize(
    ("text", "suffix", "seen"), [(PYTHON, ".py", SEEN_IN_PYTHON), (CYTHON, ".pyx", SEEN_IN_CYTHON)]
)
def test_every_way_of_importing_is_seen(text: str, suffix: str, seen: str) -> None:
    modules = {f"fastphx.{name}" for name in seen.split()}
    assert imported(text, suffix, ("fastphx", "room"), modules | {"fastphx.__init__"}) == modules


def test_the_picture_shows_what_is_imported(graph: Graph) -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawing(graph), "draw it anew: python -m ci.rooms"
