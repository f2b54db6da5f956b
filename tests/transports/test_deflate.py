"""permessage-deflate without a connection: negotiation as RFC 7692 section 7.1 has it, and the streams."""

import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.transports.websocket.deflate import (
    MAX_DEFLATE_RATIO,
    MAX_STREAM_ENDS,
    Agreement,
    DeflateOptions,
    DeflateStream,
    InflateError,
    NegotiationError,
    agree_as_client,
    agree_as_server,
    parse_extensions,
)

MIB = 1 << 20


def streams(limit: int = MIB, **agreed: object) -> tuple[DeflateStream, DeflateStream]:
    agreement = Agreement(**agreed)  # type: ignore[arg-type]
    return agreement.client_stream(limit), agreement.server_stream(limit)


# What is offered and answered.


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        ({}, "permessage-deflate; client_max_window_bits"),
        (
            {"server_no_context_takeover": True, "client_no_context_takeover": True},
            (
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                "client_max_window_bits"
            ),
        ),
        (
            {"server_max_window_bits": 10, "client_max_window_bits": 12},
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
        ),
    ],
)
def test_what_is_offered(options: dict[str, object], offer: str) -> None:
    assert DeflateOptions(**options).offer() == offer  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"server_max_window_bits": 7},
        {"client_max_window_bits": 8},
        {"client_max_window_bits": 16},
        {"client_max_window_bits": True},
        {"server_no_context_takeover": 1},
        {"level": 0},
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        DeflateOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "answer", "agreed"),
    [
        ({}, "permessage-deflate", {}),
        ({}, "permessage-deflate; server_no_context_takeover", {"server_no_context_takeover": True}),
        ({}, "permessage-deflate; client_no_context_takeover", {"client_no_context_takeover": True}),
        ({}, "permessage-deflate; client_max_window_bits=9", {"client_max_window_bits": 9}),
        ({}, 'permessage-deflate; client_max_window_bits="10"', {"client_max_window_bits": 10}),
        ({}, "permessage-deflate; server_max_window_bits=8", {"server_max_window_bits": 8}),
        (
            {"server_max_window_bits": 11},
            "permessage-deflate;server_max_window_bits=10",
            {"server_max_window_bits": 10},
        ),
        (
            {"client_no_context_takeover": True, "client_max_window_bits": 10},
            "permessage-deflate",
            {"client_no_context_takeover": True, "client_max_window_bits": 10},
        ),
    ],
)
def test_answers_that_are_agreed(options: dict[str, object], answer: str, agreed: dict[str, object]) -> None:
    asked = DeflateOptions(**options)  # type: ignore[arg-type]
    assert agree_as_client([answer], asked) == Agreement(**agreed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, "x-webkit-deflate-frame"),
        ({}, "permessage-deflate, permessage-deflate"),
        ({}, "permessage-deflate; unknown"),
        ({}, "permessage-deflate; server_no_context_takeover=1"),
        ({}, "permessage-deflate; server_no_context_takeover; server_no_context_takeover"),
        ({}, "permessage-deflate; server_max_window_bits"),
        ({}, "permessage-deflate; server_max_window_bits=16"),
        ({}, "permessage-deflate; server_max_window_bits=08"),
        ({}, "permessage-deflate; client_max_window_bits"),
        ({}, "permessage-deflate; client_max_window_bits=8"),
        ({}, "permessage-deflate; client_max_window_bits="),
        ({}, "permessage deflate"),
        ({"server_max_window_bits": 10}, "permessage-deflate"),
        ({"server_max_window_bits": 10}, "permessage-deflate; server_max_window_bits=11"),
        ({"server_no_context_takeover": True}, "permessage-deflate"),
    ],
)
def test_answers_that_are_refused(options: dict[str, object], answer: str) -> None:
    with pytest.raises(NegotiationError):
        agree_as_client([answer], DeflateOptions(**options))  # type: ignore[arg-type]


def test_an_answer_to_nothing_is_refused_and_no_answer_is_fine() -> None:
    with pytest.raises(NegotiationError, match="not offered"):
        agree_as_client(["permessage-deflate"], None)
    assert agree_as_client([], DeflateOptions()) is None
    assert agree_as_client(["", " , "], None) is None


@pytest.mark.parametrize(
    ("offers", "options", "answer"),
    [
        (["permessage-deflate"], {}, "permessage-deflate"),
        (["other, permessage-deflate; client_max_window_bits"], {}, "permessage-deflate"),
        (
            ["permessage-deflate; server_max_window_bits=10; client_max_window_bits"],
            {"client_max_window_bits": 11},
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11",
        ),
        (
            ["permessage-deflate; unknown", "permessage-deflate; server_no_context_takeover"],
            {"client_no_context_takeover": True},
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (["permessage-deflate; server_max_window_bits=8"], {}, None),
        (["permessage-deflate"], {"client_max_window_bits": 11}, None),
        (["other"], {}, None),
        ([], {}, None),
    ],
)
def test_offers_that_a_server_takes(
    offers: list[str], options: dict[str, object], answer: str | None
) -> None:
    chosen = agree_as_server(offers, DeflateOptions(**options))  # type: ignore[arg-type]
    assert (chosen and chosen[1]) == answer


OPTIONS = st.builds(
    DeflateOptions,
    server_no_context_takeover=st.booleans(),
    client_no_context_takeover=st.booleans(),
    server_max_window_bits=st.none() | st.integers(9, 15),
    client_max_window_bits=st.none() | st.integers(9, 15),
)


@given(client=OPTIONS, server=OPTIONS, messages=st.lists(st.binary(max_size=2000), max_size=6))
def test_whatever_both_sides_want_they_agree_and_understand_each_other(
    client: DeflateOptions, server: DeflateOptions, messages: list[bytes]
) -> None:
    chosen = agree_as_server([client.offer()], server)
    assert chosen is not None
    agreement, answer = chosen
    assert agree_as_client([answer], client) == agreement
    ours, theirs = agreement.client_stream(MIB), agreement.server_stream(MIB)
    for message in messages:
        assert theirs.inflate(ours.deflate(message)) == message
        assert ours.inflate(theirs.deflate(message)) == message


@given(st.text())
def test_no_header_escapes_as_another_error(value: str) -> None:
    with suppress(NegotiationError):
        parse_extensions([value])


# The streams.


def test_the_examples_of_the_rfc() -> None:
    """Section 7.2.3."""
    client, server = streams()
    assert server.deflate(b"Hello") == bytes.fromhex("f248cdc9c90700")
    assert client.inflate(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    assert client.inflate(bytes.fromhex("f200110000")) == b"Hello"
    anew, _ = streams(server_no_context_takeover=True)
    assert anew.inflate(bytes.fromhex("f248cdc9c90700")) == b"Hello"
    stored = bytes.fromhex("000500faff48656c6c6f00")
    assert anew.inflate(stored) == b"Hello"
    final = bytes.fromhex("f348cdc9c9070000")
    assert anew.inflate(final) == b"Hello"
    two_blocks = bytes.fromhex("f248050000 00ffffcac9c90700")
    assert anew.inflate(two_blocks) == b"Hello"


def test_a_context_that_is_taken_over_makes_a_repeated_message_shorter() -> None:
    message = bytes(range(256)) * 2
    client, server = streams()
    first, second = client.deflate(message), client.deflate(message)
    assert len(second) < len(first) / 4
    assert [server.inflate(first), server.inflate(second)] == [message, message]
    client, server = streams(client_no_context_takeover=True)
    first, second = client.deflate(message), client.deflate(message)
    assert first == second
    assert [server.inflate(first), server.inflate(second)] == [message, message]


def test_a_bomb_is_stopped_while_it_inflates() -> None:
    limit = 100_000
    client, server = streams(limit)
    fits = client.deflate(b"a" * limit)
    assert len(server.inflate(fits)) == limit
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = bomb.compress(bytes(64 * MIB)) + bomb.flush(zlib.Z_SYNC_FLUSH)
    assert len(data) < limit
    tracemalloc.start()
    try:
        with pytest.raises(InflateError, match="max_message_size") as failure:
            server.inflate(data[:-4])
        assert tracemalloc.get_traced_memory()[1] < 8 * limit
    finally:
        tracemalloc.stop()
    assert failure.value.code == 1009


def test_a_message_may_end_its_stream_a_few_times() -> None:
    # RFC 7692 section 7.2.3.4, and an empty final block again and again.
    for ends, taken in ((1, True), (MAX_STREAM_ENDS - 1, True), (MAX_STREAM_ENDS + 1, False)):
        stream = Agreement().client_stream(1000)
        data = b"\x03\x00" * ends + bytes.fromhex("f248cdc9c90700")
        if taken:
            assert stream.inflate(data) == b"Hello"
        else:
            with pytest.raises(InflateError, match="ends more than") as caught:
                stream.inflate(data)
            assert caught.value.code == 1007


def test_a_message_may_end_its_stream_with_its_last_byte() -> None:
    stream = Agreement().client_stream(1000)
    # The header of a final stored block, whose lengths are the four bytes that no message brings.
    assert stream.inflate(b"\x01") == b""
    assert stream.inflate(bytes.fromhex("f248cdc9c90700")) == b"Hello"


@pytest.mark.parametrize("takeover", [True, False])
def test_no_message_is_compressed_so_far_that_bandit_takes_it_for_an_attack(takeover: bool) -> None:
    client, server = streams(client_no_context_takeover=not takeover)
    repeated = bytes(range(256)) * 4
    for message in (repeated, repeated, bytes(MIB), b"a" * 64, repeated, b"the context is whole"):
        deflated = client.deflate(message)
        assert len(message) <= MAX_DEFLATE_RATIO * len(deflated) < 3 * MAX_DEFLATE_RATIO * len(message)
        assert server.inflate(deflated) == message
    assert len(client.deflate(bytes(MIB))) < MIB // MAX_DEFLATE_RATIO + 16


def test_one_byte_over_the_limit_is_too_much() -> None:
    client, server = streams(1000)
    with pytest.raises(InflateError) as failure:
        server.inflate(client.deflate(bytes(1001)))
    assert failure.value.code == 1009


@given(st.binary(max_size=300))
def test_no_bytes_escape_as_another_error(data: bytes) -> None:
    client, _ = streams(10_000)
    with suppress(InflateError):
        assert len(client.inflate(data)) <= 10_000
