"""Options: defaults, what is refused and what a repr keeps to itself."""

import ssl
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from fastphx.transports import ConnectOptions


def test_defaults_are_the_documented_ones() -> None:
    options = ConnectOptions.from_mapping({})
    assert options == ConnectOptions()
    assert options.connect_timeout == 10
    assert options.heartbeat_interval == 30
    assert options.keepalive == 0
    assert options.max_message_size == 8 * 1024 * 1024
    assert options.ssl_verify
    with pytest.raises(FrozenInstanceError):
        options.proxy = "http://x"  # type: ignore[misc]


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'heartbeet'.*auth_token, .*heartbeat_interval, .*ssl_verify"):
        ConnectOptions.from_mapping({"heartbeet": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connect_timeout", 0),
        ("connect_timeout", "10"),
        ("connect_timeout", float("nan")),
        ("connect_timeout", True),
        ("heartbeat_interval", -1),
        ("heartbeat_interval", float("inf")),
        ("keepalive", 1e9),
        ("max_pause", 0),
        ("max_message_size", 0),
        ("max_message_size", 1.5),
        ("max_write_buffer", True),
        ("extra_headers", ["x"]),
        ("extra_headers", [("a b", "x")]),
        ("extra_headers", [("a", "x\r\nb: secret")]),
        ("extra_headers", [("a", 1)]),
        ("extra_headers", [("Upgrade", "h2c")]),
        ("extra_headers", [("sec-websocket-protocol", "x")]),
        ("extra_headers", [("a", "secret\udc80")]),
        ("extra_headers", 3),
        ("subprotocols", "phoenix"),
        ("subprotocols", 3),
        ("subprotocols", ["a,b"]),
        ("subprotocols", [1]),
        ("auth_token", ""),
        ("auth_token", 3),
        ("auth_token", "secret\udc80"),
        ("auth_token", "secret\r\nb: c"),
        ("ssl", True),
        ("ssl_verify", 0),
        ("socket_opts", [(1, 2)]),
        ("socket_opts", [(1, "2", 3)]),
        ("socket_opts", [(1, 2, 1 << 31)]),
        ("socket_opts", 3),
        ("local_addr", "127.0.0.1"),
        ("local_addr", ("127.0.0.1", 70000)),
        ("local_addr", ("localhost", 0)),
        ("proxy", "ftp://host"),
        ("proxy", False),
        ("socket_path", ""),
        ("socket_path", b"/run/phoenix"),
        ("socket_path", 3),
        ("proxy", "http://"),
        ("proxy", "http://secret@host:x"),
        ("proxy", 3),
        ("cookies", {"a": "b"}),
    ],
)
def test_a_wrong_value_is_refused_and_named(name: str, value: Any) -> None:
    called = {"extra_headers": "header", "subprotocols": "sub-?protocol"}.get(name, name)
    with pytest.raises(ValueError, match=called) as caught:
        ConnectOptions.from_mapping({name: value})
    assert "secret" not in str(caught.value)


def test_verification_is_not_switched_off_twice() -> None:
    with pytest.raises(ValueError, match="verify_mode"):
        ConnectOptions(ssl=ssl.create_default_context(), ssl_verify=False)


def test_values_are_normalised() -> None:
    options = ConnectOptions.from_mapping(
        {
            "extra_headers": {"A": "b"},
            "heartbeat_interval": None,
            "socket_opts": [[1, 2, 3]],
            "subprotocols": ["x"],
        }
    )
    assert options.extra_headers == (("A", "b"),)
    assert options.heartbeat_interval == 0
    assert options.socket_opts == ((1, 2, 3),)
    assert options.offered_subprotocols() == ("x",)


def test_the_auth_token_is_a_subprotocol_as_phoenix_js_sends_it() -> None:
    options = ConnectOptions(auth_token="1?~ü", subprotocols=("phoenix", "other"))
    assert options.offered_subprotocols() == ("phoenix", "base64url.bearer.phx.MT9+w7w", "other")


def test_a_repr_shows_no_secret() -> None:
    options = ConnectOptions(
        auth_token="secret",
        extra_headers=(("Cookie", "secret"),),
        proxy="http://me:secret@host:1",
    )
    assert "secret" not in repr(options)


@pytest.mark.parametrize("other", [{"proxy": "http://127.0.0.1:1"}, {"local_addr": ("127.0.0.1", 0)}])
def test_a_socket_file_needs_no_address(other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="goes with neither proxy nor local_addr"):
        ConnectOptions.from_mapping({"socket_path": "/run/phoenix", **other})
