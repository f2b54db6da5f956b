"""A WebSocket endpoint's URL: built from parts, checked, and shown without the secrets in its query."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from fastphx.transports.pairs import pairs_of

Param: TypeAlias = "str | int | float | bool | Mapping[str, Param] | list[Param] | tuple[Param, ...]"
Params: TypeAlias = Mapping[str, Param] | Iterable[tuple[str, Param]]

MAX_URL_LENGTH = 8192
"""What common servers accept as a request line (Cowboy and Bandit: 8,000 to 10,000 bytes by default)."""

MAX_PARAM_DEPTH = 32
"""How deeply parameters may be nested. A list that contains itself is deeper."""

_SCHEMES = {"http": "ws", "https": "wss"}
_DELIMITERS = ":/?#[]@!$&'()*+,;=%"
_NEVER_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a connection needs to know of a WebSocket URL, in ASCII."""

    host: str
    port: int
    is_secure: bool
    authority: str
    """What ``Host`` says."""
    resource: str
    """The path and the query."""


def endpoint_url(url: str, params: Params = (), vsn: str | None = None) -> str:
    """Return *url* with *params* and *vsn* as its query.

    *params* are ordered pairs, and a key may repeat. A mapping as a value is written as ``a[b]=1``, as in
    phoenix.js and Plug, and a list as ``a[]=1&a[]=2``, which Plug reads as a list again. *vsn* (that of the
    serializer) goes last, and is left out if *params* have one.

    Raises ``ValueError`` for a URL that is not ``ws://`` or ``wss://`` with a host, or that already has a
    query (as in GenSocketClient), a fragment or a user name; for a parameter that holds anything but strings,
    numbers, bools, mappings and lists; and for a ``vsn`` in *params* whose major version is not that of
    *vsn*, because the serializer could not read its frames.
    """
    base = _without_query(url) if isinstance(url, str) else split_url(url).geturl()
    pairs = param_pairs(params)
    if vsn is not None:
        given = [value for key, value in pairs if key == "vsn"]
        for value in given:
            if value.partition(".")[0] != vsn.partition(".")[0]:
                raise ValueError(
                    f"params have the vsn {value[:20]!r}, and the serializer speaks {vsn}: "
                    "give the serializer of that vsn, or leave it out"
                )
        if not given:
            pairs.append(("vsn", vsn))
    full = f"{base}?{_query(tuple(pairs))}" if pairs else url
    if len(full) > MAX_URL_LENGTH:
        raise ValueError(
            f"{shown_url(url)} with its parameters is {len(full)} characters long, "
            f"and servers take {MAX_URL_LENGTH}: send large values in a join's payload"
        )
    return full


def param_pairs(params: Params) -> list[tuple[str, str]]:
    """*params* as Plug reads them: ``a[b]`` for what is in a mapping, ``a[]`` for what is in a list. Raises
    ``ValueError`` for what is no parameter."""
    return [pair for key, value in pairs_of(params) for pair in _pairs(_checked_key(key), value)]


# Many sockets have the same URL, and checking it takes a tenth of the time to connect. Only a few are kept,
# because parameters may hold a token.
@functools.lru_cache(maxsize=8)
def _without_query(url: str) -> str:
    """*url*, checked. Raises ``ValueError`` if it is invalid or has a query."""
    parts = split_url(url)
    if parts.query or "?" in url:
        raise ValueError(f"{shown_url(url)} has a query: give its parameters as params instead")
    return parts.geturl()


@functools.lru_cache(maxsize=8)
def _query(pairs: tuple[tuple[str, str], ...]) -> str:
    return urlencode(pairs)


def websocket_scheme(url: str) -> str:
    """*url* with ``ws`` instead of ``http``, and ``wss`` instead of ``https``, as in phoenix.js."""
    scheme, separator, rest = url.partition("://")
    return _SCHEMES.get(scheme.lower(), scheme.lower()) + separator + rest


def split_url(url: str) -> SplitResult:
    """Split a WebSocket URL (a query is allowed). Raises ``ValueError`` if it is invalid."""
    parts = url_parts(url)
    port = parts.port
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"{shown_url(url)} is not a WebSocket URL: it must begin with ws:// or wss://")
    if not parts.hostname or port == 0:
        raise ValueError(f"{shown_url(url)} names no host" if port != 0 else f"{shown_url(url)} has port 0")
    if "@" in parts.netloc:
        raise ValueError(f"{shown_url(url)} has a user name: send credentials in params or extra_headers")
    if parts.fragment or url.endswith("#"):
        raise ValueError(f"{shown_url(url)} has a fragment, which is never sent: leave out what follows #")
    if _NEVER_IN_A_URL.search(url):
        raise ValueError(f"{shown_url(url)} contains a space or a control character: percent-encode it")
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        raise ValueError(f"{shown_url(url)} has an invalid host name") from None
    return parts


def endpoint(url: str) -> Endpoint:
    """Read a WebSocket URL. Raises ``ValueError`` if it is invalid."""
    parts = split_url(url)
    host, authority = parts.hostname, parts.netloc
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    assert host is not None
    if not url.isascii():
        # RFC 3987 section 3.1.
        host, authority = (name.encode("idna").decode() for name in (host, authority))
        resource = quote(resource, safe=_DELIMITERS)
    is_secure = parts.scheme == "wss"
    return Endpoint(host, parts.port or (443 if is_secure else 80), is_secure, authority, resource)


def url_parts(url: str) -> SplitResult:
    """The parts of a URL of any kind, with a valid port or none. Raises ``ValueError``."""
    if not isinstance(url, str):
        raise ValueError(f"a URL is a string, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        # Reading it checks it.
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"{shown_url(url)} is not a URL: {error}") from None
    return parts


def shown_url(url: str) -> str:
    """Return *url* for a message: without user name, query and fragment, which may hold secrets."""
    text = url.partition("?")[0].partition("#")[0]
    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    text = scheme + separator + authority.rpartition("@")[2] + slash + path if separator else text
    return repr(text[:200]) if not text.isprintable() or not text or len(text) > 200 else text


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError(f"a parameter's name is a string, not {type(key).__name__}")
    return key


def _pairs(key: str, value: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """The query's pairs for one parameter: several if it is nested, none if it is empty."""
    if isinstance(value, bool):
        yield key, "true" if value else "false"
    elif isinstance(value, str | int | float):
        yield key, str(value)
    elif not isinstance(value, Mapping | list | tuple):
        raise ValueError(
            f"parameter {key!r} is a {type(value).__name__}: give a string, number or bool, or a mapping or "
            "list of them"
        )
    elif depth == MAX_PARAM_DEPTH:
        raise ValueError(f"parameter {key[:40]!r} is nested more than {MAX_PARAM_DEPTH} deep")
    elif isinstance(value, Mapping):
        for inner, each in value.items():
            yield from _pairs(f"{key}[{_checked_key(inner)}]", each, depth + 1)
    else:
        for each in value:
            yield from _pairs(f"{key}[]", each, depth + 1)
