"""``before`` and ``after`` of a journey, as a Locust master runs them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from fastphx.errors import FastphxError
from fastphx.load.control.once_process import TIMEOUTS_S
from fastphx.load.locust.once_a_run import OnceARun
from fastphx.load.locust.plan import UserPlan, user_plan
from tests.load.processes import children_of

SHOP = """\
import time
from fastphx.load import User


async def before(run):
    {before}


async def after(run):
    {after}


class Buyer(User):
    async def run(self):
        pass
"""


def plans(
    folder: Path, before: str = "return {'room': 'room:made'}", after: str = "pass"
) -> dict[str, UserPlan]:
    script = folder / "shop.py"
    script.write_text(SHOP.format(before=before, after=after))
    return {"Shop": user_plan({"scenario": str(script)}, "http://127.0.0.1:1")}


def test_what_before_returns_is_shared_and_after_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    once = OnceARun()
    once.prepare(plans(tmp_path, after="print(run.shared['room'])"))
    assert once.shared == {"Shop": {"room": "room:made"}}
    once.clean_up()
    assert "Shop: after: room:made" in caplog.messages
    caplog.clear()
    once.clean_up()
    assert caplog.messages == []


def test_a_before_that_fails_is_one_sentence_and_has_no_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    once = OnceARun()
    with pytest.raises(FastphxError, match=r"before\(\) failed: ZeroDivisionError at shop\.py:6: "):
        once.prepare(plans(tmp_path, before="1 / 0"))
    caplog.clear()
    once.clean_up()
    assert caplog.messages == []


def test_what_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    once = OnceARun()
    once.prepare(plans(tmp_path, after="time.sleep(600)"))
    monkeypatch.setitem(TIMEOUTS_S, "after", 0.2)
    before = set(children_of(os.getpid()))
    once.clean_up()
    assert caplog.messages == ["Shop: the scenario's after() did not end within 0.2s"]
    assert set(children_of(os.getpid())) == before
