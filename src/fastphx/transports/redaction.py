"""Keep what a user gave in confidence out of an error that quotes a server, which may send it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from fastphx.transports.options import ConnectOptions

HIDDEN = b"[hidden]"

MIN_SECRET_LENGTH = 4
"""A shorter value is no secret, and would be found in every other word."""

_PUBLIC_PARAMS = frozenset(("vsn",))


def redacted(quoted: bytes, url: str, options: ConnectOptions) -> bytes:
    """Return *quoted*, which a server sent, without the values of the URL's query (as they stand there and
    decoded), of ``extra_headers`` and of ``auth_token``."""
    found = {each for each in _secrets(url, options) if len(each) >= MIN_SECRET_LENGTH}
    for secret in sorted(found, key=len, reverse=True):
        quoted = quoted.replace(secret.encode("utf-8", "surrogateescape"), HIDDEN)
    return quoted


def _secrets(url: str, options: ConnectOptions) -> Iterator[str]:
    for pair in urlsplit(url).query.split("&"):
        name, _, value = pair.partition("=")
        if name not in _PUBLIC_PARAMS:
            yield value
            yield from (decoded for _, decoded in parse_qsl(pair))
    for _, value in options.extra_headers:
        yield value
        # "Bearer TOKEN", "name=TOKEN; name=TOKEN".
        yield from re.split(r"[\s;,=]+", value)
    if options.auth_token is not None:
        yield options.auth_token
        yield options.encoded_auth_token
