"""URLs: what is built, what is refused, and what a message shows of them."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastphx.transports.endpoint import endpoint_url, shown_url

URL = "ws://host:4000/socket/websocket"


def test_parameters_keep_their_order_and_may_repeat() -> None:
    pairs = [("b", "1"), ("a", "x y&z=ü"), ("b", "2")]
    url = endpoint_url(URL, pairs, "2.0.0")
    assert url == f"{URL}?b=1&a=x+y%26z%3D%C3%BC&b=2&vsn=2.0.0"


def test_the_callers_vsn_wins() -> None:
    assert endpoint_url(URL, {"vsn": "2.1.0"}, "2.0.0") == f"{URL}?vsn=2.1.0"
    assert endpoint_url(URL, {}, "2.0.0") == f"{URL}?vsn=2.0.0"
    assert endpoint_url(URL) == URL


def test_numbers_and_bools_are_written_as_javascript_does() -> None:
    assert endpoint_url(URL, {"n": 3, "f": 1.5, "t": True, "u": False}) == f"{URL}?n=3&f=1.5&t=true&u=false"


@pytest.mark.parametrize("vsn", ["1.0.0", "2", 1, "", "20.0.0"])
def test_a_vsn_that_the_serializer_does_not_speak_is_refused(vsn: str | int) -> None:
    if vsn == "2":
        assert endpoint_url(URL, {"vsn": vsn}, "2.0.0") == f"{URL}?vsn=2"
        return
    with pytest.raises(ValueError, match=r"the serializer speaks 2\.0\.0"):
        endpoint_url(URL, {"a": "1", "vsn": vsn}, "2.0.0")
    assert endpoint_url(URL, {"vsn": vsn}) == f"{URL}?vsn={vsn}"


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({"a": {"b": [1, 2]}}, "a[b][]=1&a[b][]=2"),
        ({"a": {"b": {"c": "x y"}, "d": True}, "e": 1}, "a[b][c]=x+y&a[d]=true&e=1"),
        ([("a", ["1", "2"]), ("a", ("3",))], "a[]=1&a[]=2&a[]=3"),
        ({"a": [{"b": 1}, {"b": 2}]}, "a[][b]=1&a[][b]=2"),
        ({"a": {}, "b": [], "c": {"d": []}, "e": "f"}, "e=f"),
        ({"a": {"ü&=[": 1}}, "a[ü%26%3D[]=1"),
    ],
)
def test_nested_parameters_are_written_as_plug_reads_them(params: Any, query: str) -> None:
    query = query.replace("[", "%5B").replace("]", "%5D").replace("ü", "%C3%BC")
    assert endpoint_url(URL, params) == f"{URL}?{query}"


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested more than 32 deep"):
        endpoint_url(URL, {"secret": endless})


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"))), max_size=8
    )
)
def test_any_text_survives_the_query(pairs: list[tuple[str, str]]) -> None:
    query = urlsplit(endpoint_url("wss://host", pairs)).query
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)) == pairs


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("http://host/", "ws://"),
        ("host:4000", "ws://"),
        ("", "ws://"),
        ("ws://", "host"),
        ("ws:///path", "host"),
        ("ws://host:0/", "port"),
        ("ws://host:99999/", "not a URL"),
        ("ws://host:x/", "not a URL"),
        ("ws://[::1/", "not a URL"),
        ("ws://host/?secret=1", "query"),
        ("ws://host/?", "query"),
        ("ws://host/#secret", "fragment"),
        ("ws://user:secret@host/", "user name"),
        ("ws://host/a b", "space"),
        ("ws://host/a\r\nsecret: 1", "control|space|not a URL"),
        ("ws://a..b/", "host name"),
        ("ws://" + "x" * 64 + "/", "host name"),
    ],
)
def test_a_wrong_url_is_refused_and_its_secrets_are_not_shown(url: str, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        endpoint_url(url)
    if "\n" not in url:
        assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="'k' is a bytes"):
        endpoint_url(URL, [("k", b"x")])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"'k\[a\]\[\]' is a set"):
        endpoint_url(URL, {"k": {"a": [{1}]}})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="name"):
        endpoint_url(URL, {"k": {1: "x"}})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="'k' is a NoneType"):
        endpoint_url(URL, {"k": None})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="name"):
        endpoint_url(URL, [(1, "x")])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="long"):
        endpoint_url(URL, {"k": "x" * 10_000})
    with pytest.raises(ValueError, match="string"):
        endpoint_url(3)  # type: ignore[arg-type]


def test_shown() -> None:
    assert shown_url("ws://user:pw@host:1/path?token=x#y") == "ws://host:1/path"
    assert shown_url("") == "''"
    assert shown_url("ws://h/" + "x" * 1000).endswith("'")
    assert len(shown_url("ws://h/" + "x" * 1000)) < 220
