"""The table of parity is whole, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARITY = ROOT / "docs" / "parity.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

FUNCTIONS = ["call/3", "join/3", "joined?/1", "leave/3", "notify_connected/1", "notify_disconnected/2"]
FUNCTIONS += ["notify_message/2", "push/4", "reply/2", "start_link/5"]
CALLBACKS = ["handle_call/4", "handle_channel_closed/4", "handle_connected/2", "handle_disconnected/2"]
CALLBACKS += ["handle_info/3", "handle_join_error/4", "handle_joined/4", "handle_message/5"]
CALLBACKS += ["handle_reply/5", "init/1", "terminate/2"]
TEST_SOCKET = [
    "start_link/5",
    "connect/1",
    "connect/3",
    "wait_connect_status/2",
    "join/4",
    "leave/4",
    "push/5",
]
TEST_SOCKET += ["push_sync/5", "await_message/2", "joined?/2"]
TRANSPORT_OPTS = ["keepalive", "extra_headers", "ssl_verify", "socket_opts"]
RELEASES = ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "3.1.0", "3.2.0", "3.2.1", "4.0.0", "after 4.0.0"]


def sections() -> dict[str, list[tuple[str, ...]]]:
    """The rows under each heading, without a table's head."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for text in PARITY.read_text(encoding="utf-8").split("\n## ")[1:]:
        lines = [line for line in text.splitlines() if line.startswith("|")]
        cells = [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]
        found[text.partition("\n")[0]] = cells[2:]
    return found


def rows() -> list[tuple[str, ...]]:
    return [row for section in sections().values() for row in section]


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_is_whole_and_its_tests_are_there(row: tuple[str, ...]) -> None:
    assert all(row), "a cell is empty"
    named = TEST.findall(row[-1])
    assert named, "no test is named"
    for path, name in named:
        assert name in names_in(path), f"{path} has no {name}"


def test_a_row_says_from_which_release_it_is() -> None:
    assert "Beyond it" in sections()
    for heading, section in sections().items():
        if heading == "Beyond it":
            assert {len(row) for row in section} == {3}
        else:
            assert [row for row in section if len(row) != 4 or row[1] not in RELEASES] == []


@pytest.mark.parametrize("name", FUNCTIONS + CALLBACKS)
def test_nothing_of_the_elixir_library_is_left_out(name: str) -> None:
    assert any(f"`{name}`" in row[0] for row in rows())


@pytest.mark.parametrize("name", TEST_SOCKET)
def test_nothing_of_its_test_socket_is_left_out(name: str) -> None:
    assert any(f"`{name}`" in row[0] for row in sections()["TestSocket"])


@pytest.mark.parametrize("name", TRANSPORT_OPTS)
def test_no_option_of_its_transport_is_left_out(name: str) -> None:
    assert any(f"`transport_opts: [{name}: …]`" in row[0] for row in rows())
