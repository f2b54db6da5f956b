"""Keep a user's secrets out of text that quotes a server, which may send back what it was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from fastphx.protocol.frame_write import RawJson
from fastphx.transports.options import ConnectOptions

HIDDEN = b"[hidden]"

MIN_SECRET_LENGTH = 4
"""A shorter value is not a secret, and would be found in every other word."""

MAX_SECRETS = 1000
"""Where more was given, nothing of a text is shown: to look for them all would take too long."""

MAX_LOOKED_AT = 4096
"""How much of a text is looked at, beside the length of the longest secret. The rest is not shown."""

_PUBLIC_PARAMS = frozenset(("vsn",))


def redacted(quoted: bytes, url: str, options: ConnectOptions) -> bytes:
    """Return *quoted*, which a server sent, without the values of the URL's query (encoded or decoded), of
    ``extra_headers`` and of ``auth_token``."""
    found = {each for each in connection_secrets(url, options) if len(each) >= MIN_SECRET_LENGTH}
    for secret in sorted(found, key=len, reverse=True):
        quoted = quoted.replace(secret.encode("utf-8", "surrogateescape"), HIDDEN)
    return quoted


def connection_secrets(url: str, options: ConnectOptions) -> Iterator[str]:
    """The values that a connection was made with."""
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


class Redaction:
    """Called with a text, it returns that text without the texts and numbers in what was *given*: values, and
    payloads of them, as they are and as JSON writes them."""

    def __init__(self, *given: object) -> None:
        self._secrets: list[str] | None = None
        found: set[str] = set()
        for text in _texts(given):
            if len(text) >= MIN_SECRET_LENGTH:
                found |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
            if len(found) > MAX_SECRETS:
                return
        self._secrets = sorted(found, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        if self._secrets is None:
            return HIDDEN.decode()
        if self._secrets:
            text = text[: MAX_LOOKED_AT + len(self._secrets[0])]
            for secret in self._secrets:
                text = text.replace(secret, HIDDEN.decode())
        return text[:MAX_LOOKED_AT]


def _texts(given: object) -> Iterator[str]:
    """The texts and numbers in a payload, however deep; what is neither these nor holds them is passed by."""
    waiting: list[Any] = [given]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, RawJson | bytes):
            data = value.data if isinstance(value, RawJson) else value
            try:
                waiting.append(orjson.loads(data))
            except orjson.JSONDecodeError:
                yield data.decode("utf-8", "surrogateescape")
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(value)
