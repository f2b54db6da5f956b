"""What a new user does first, against a real Phoenix: nothing is wrong with it, and what is written runs."""

from pathlib import Path

import pytest

from tests.cli.command import sentence
from tests.load.processes import load
from tests.phoenix.phoenix import Phoenix


def test_a_doctor_finds_nothing_wrong(phoenix: Phoenix) -> None:
    code, out, err = sentence("doctor", phoenix.url)
    assert (code, err) == (0, ""), out
    assert "✓ handshake      /socket opened" in out
    assert "✓ vsn            2.0.0" in out


def test_a_token_that_is_refused_is_told(phoenix: Phoenix) -> None:
    code, out, err = sentence("doctor", phoenix.url, "--param", "token=bad")
    assert (code, err) == (3, "")
    assert "✗ handshake      /socket refuses with HTTP 403 Forbidden" in out


def test_what_is_written_for_it_runs_unedited(
    phoenix: Phoenix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = sentence("init", phoenix.url)
    assert (code, err) == (0, "")
    assert "open the socket /socket and join room:lobby" in out
    ran = load(tmp_path, "plan.toml", "--duration", "1s")
    assert ran.code == 0, ran.err
    assert ran.result is not None
    assert ran.result["steps"]["join room"]["ok"] > 0
