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
CALLBACKS += ["handle_reply/5", "init/1"]


def rows() -> list[tuple[str, ...]]:
    lines = [line for line in PARITY.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]
    return [row for row in cells if row[0] not in ("Elixir", "Asked for") and not row[0].startswith("---")]


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_is_whole_and_its_tests_are_there(row: tuple[str, ...]) -> None:
    assert len(row) == 3
    assert all(row), "a cell is empty"
    named = TEST.findall(row[2])
    assert named, "no test is named"
    for path, name in named:
        assert name in names_in(path), f"{path} has no {name}"


@pytest.mark.parametrize("name", FUNCTIONS + CALLBACKS)
def test_nothing_of_the_elixir_library_is_left_out(name: str) -> None:
    assert any(f"`{name}`" in row[0] for row in rows())
