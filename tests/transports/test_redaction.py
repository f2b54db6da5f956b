"""A text that quotes a server, without what it was given in confidence."""

from __future__ import annotations

import orjson
import pytest

from fastphx.protocol.frame_write import RawJson
from fastphx.transports.redaction import HIDDEN, MAX_LOOKED_AT, MAX_SECRETS, Redaction

HIDDEN_TEXT = HIDDEN.decode()


@pytest.mark.parametrize(
    "given",
    [
        "s3cr3t",
        {"token": "s3cr3t"},
        [("token", ["s3cr3t"])],
        RawJson(b'{"token":"s3cr3t"}'),
        b'{"token":"s3cr3t"}',
        b"s3cr3t",
    ],
    ids=["text", "mapping", "pairs", "RawJson", "JSON", "bytes that are no JSON"],
)
def test_a_secret_is_found_in_whatever_it_was_given(given: object) -> None:
    assert Redaction(given)("s3cr3t is wrong") == f"{HIDDEN_TEXT} is wrong"


def test_a_number_is_a_secret_and_a_truth_is_none() -> None:
    assert (
        Redaction({"pin": 481516, "asked": True, "no": None})("481516 True None")
        == f"{HIDDEN_TEXT} True None"
    )


def test_a_secret_is_found_as_json_writes_it() -> None:
    secret = 'quo"te é'
    for written in (secret, orjson.dumps(secret).decode(), '"quo\\"te \\u00e9"'):
        assert "quo" not in Redaction(secret)(f"got {written}")


def test_where_there_are_too_many_secrets_nothing_is_shown() -> None:
    assert Redaction([f"secret {number}" for number in range(MAX_SECRETS + 1)])("whatever") == HIDDEN_TEXT


def test_a_long_text_is_cut_and_a_secret_at_the_cut_is_not_shown_in_part() -> None:
    shown = Redaction("s3cr3t")("x" * (MAX_LOOKED_AT - 3) + "s3cr3t" + "y" * 100_000)
    assert len(shown) == MAX_LOOKED_AT
    assert "s3c" not in shown
