"""The table of what was run against a real Phoenix, and what is run each night."""

from __future__ import annotations

import re

import yaml

from tests.house.checkout import ROOT

ROW = re.compile(r"^\| (1\.\d+)\.\d+ \| (Cowboy|Bandit) [\d.]+ \| (?:(\d+\.\d+)\.\d+|none) \|", re.M)


def test_every_release_of_the_table_is_run_each_night() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/conformance.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["phoenix"]["strategy"]["matrix"]["include"]
    nightly = {(row["phoenix"], row["adapter"], row["live_view"]) for row in matrix}
    rows = ROW.findall((ROOT / "docs/compatibility.md").read_text(encoding="utf-8"))
    assert rows
    assert {(phoenix, adapter.lower(), live_view) for phoenix, adapter, live_view in rows} <= nightly
