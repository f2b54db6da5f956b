"""JUnit XML for CI: a test case for the run, one for each check of a journey and one for each threshold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from fastphx.foreign_text import MAX_SENTENCE_CHARS, visible
from fastphx.load.plan.threshold import shown_value

SUITE = "fastphx load"


def write_junit(mapping: Mapping[str, Any], path: Path) -> None:
    """Write a suite whose first case is the run itself. Raises OSError."""
    suite = ET.Element("testsuite", name=SUITE)
    duration = f"{mapping['throughput']['duration_s']:.3f}"
    failed_itself = mapping["outcome"] not in ("ok", "thresholds_failed")
    failures = int(failed_itself)
    run = ET.SubElement(
        suite, "testcase", classname=SUITE, name=visible(f"{mapping['plan']['scenario']} ran"), time=duration
    )
    if failed_itself:
        _fail(run, mapping["outcome"], "; ".join(mapping["sentences"]))
    elif "limit" in mapping:
        ET.SubElement(run, "system-out").text = visible(
            "; ".join(mapping["limit"]["sentences"]), MAX_SENTENCE_CHARS
        )
    checks = mapping.get("checks", {})
    for name, check in checks.items():
        case = ET.SubElement(suite, "testcase", classname=SUITE, name=visible(f"check {name}"), time="0")
        # A check fails no visit and no run: what must hold of it is a threshold.
        made = check["passed"] + check["failed"]
        ET.SubElement(case, "system-out").text = f"{check['failed']} of {made} failed"
    for threshold in mapping["thresholds"]:
        case = ET.SubElement(suite, "testcase", classname=SUITE, name=visible(threshold["expr"]), time="0")
        if not threshold["ok"]:
            failures += 1
            _fail(case, "threshold", f"{threshold['expr']} does not hold: it is {shown_value(threshold)}")
    suite.set("tests", str(1 + len(checks) + len(mapping["thresholds"])))
    suite.set("failures", str(failures))
    suite.set("time", duration)
    ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _fail(case: ET.Element, kind: str, message: str) -> None:
    ET.SubElement(case, "failure", type=kind, message=visible(message, MAX_SENTENCE_CHARS))
