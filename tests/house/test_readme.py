"""What the README says is so."""

from __future__ import annotations

import re

import click

from fastphx.load.result.result import EXIT_CODES, EXIT_NO_CONNECTION
from tests.house.checkout import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_the_exit_codes_are_those_of_a_run() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.M)}
    assert told == {click.UsageError.exit_code, EXIT_NO_CONNECTION, *EXIT_CODES.values()}
