"""What each connection connects to, and how: its URL with parameters, headers, TLS and source address."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from fastphx.errors import clip
from fastphx.load.plan.connection_value import ConnectionValue
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row, read_rows
from fastphx.load.plan.secret import is_reference
from fastphx.transports.endpoint import endpoint_url, shown_url, split_url, websocket_scheme
from fastphx.transports.options import ConnectOptions
from fastphx.transports.tls import client_context

MAX_SOURCES = 65536


def websocket_url(url: str) -> str:
    """The socket's URL, with ``/websocket`` at its end, which is added as in phoenix.js.

    ``http://`` and ``https://`` stand for ``ws://`` and ``wss://``, as in phoenix.js. Raises PlanError for
    any other scheme, and for a URL without a host or with a query.
    """
    try:
        parts = split_url(websocket_scheme(url))
    except ValueError as error:
        raise PlanError(str(error)) from None
    if parts.query:
        raise PlanError(f"{shown_url(url)} has a query: give parameters with --param NAME=VALUE")
    path = parts.path.rstrip("/")
    if not path.endswith("/websocket"):
        path += "/websocket"
    return parts._replace(path=path).geturl()


def source_addresses(sources: tuple[str, ...]) -> tuple[str, ...]:
    """Local addresses: each an address, or the first and the last of a range, ``A-B``. Raises PlanError."""
    addresses: list[str] = []
    for source in sources:
        first_text, dash, last_text = source.partition("-")
        try:
            first = ipaddress.ip_address(first_text.strip())
            last = ipaddress.ip_address(last_text.strip()) if dash else first
        except ValueError:
            raise PlanError(f"{clip(source)} is neither an address nor a range of addresses A-B") from None
        count = int(last) - int(first) + 1
        if first.version != last.version or not 1 <= count <= MAX_SOURCES - len(addresses):
            raise PlanError(f"{clip(source)} is no range of 1 to {MAX_SOURCES} addresses")
        addresses += [str(first + number) for number in range(count)]
    return tuple(addresses)


class Target:
    """Where the connections of a plan go. Raises PlanError for what the plan's values cannot mean."""

    def __init__(self, plan: Plan) -> None:
        self._rows: tuple[Row, ...] = read_rows(plan.data) if plan.data is not None else ({},)
        self._url = websocket_url(plan.url) if plan.url is not None else "ws://127.0.0.1/socket/websocket"
        self._params = [(name, ConnectionValue(value, f"parameter {name}")) for name, value in plan.params]
        self._headers = [(name, ConnectionValue(value, f"header {name}")) for name, value in plan.headers]
        self._auth_token = _auth_token(plan.auth_token)
        self._vsn = plan.vsn
        self._sources = source_addresses(plan.source)
        try:
            self._options = ConnectOptions(
                connect_timeout=plan.connect_timeout_s,
                compress=plan.compress,
                ssl=client_context(ca=plan.ca, cert=plan.cert, key=plan.key, verify=not plan.insecure),
                # What is measured is the server, and not what stands between.
                proxy=None,
                ssl_verify=not plan.insecure or plan.cert is not None or plan.ca is not None,
            )
        except ValueError as error:
            raise PlanError(str(error)) from None
        self._fixed_url: str | None = None
        self._fixed_options: ConnectOptions | None = None
        url, options = self.url(0), self.options(0)
        if all(value.is_constant for _, value in self._params):
            self._fixed_url = url
        values = [value for _, value in self._headers]
        values += [self._auth_token] if self._auth_token is not None else []
        if all(value.is_constant for value in values) and not self._sources:
            self._fixed_options = options

    @property
    def row_count(self) -> int:
        """After so many connections every row of every file has been taken."""
        values = [value for _, value in self._params + self._headers]
        values += [self._auth_token] if self._auth_token is not None else []
        return max(len(self._rows), *(value.row_count for value in values), 1)

    def row(self, i: int) -> Row:
        """Connection *i*'s row of the plan's data file; empty if there is none."""
        return self._rows[i % len(self._rows)]

    def params(self, i: int, row: Row | None = None) -> list[tuple[str, str]]:
        """Connection *i*'s parameters, with its own row of the data file or another."""
        row = self.row(i) if row is None else row
        return [(name, value.of(i, row)) for name, value in self._params]

    def url(self, i: int) -> str:
        """Connection *i*'s URL, with its query."""
        if self._fixed_url is not None:
            return self._fixed_url
        try:
            return endpoint_url(self._url, self.params(i), self._vsn)
        except ValueError as error:
            raise PlanError(str(error)) from None

    @property
    def is_constant(self) -> bool:
        """Every connection has the same URL and options."""
        return self._fixed_url is not None and self._fixed_options is not None

    def options(self, i: int, row: Row | None = None) -> ConnectOptions:
        """How connection *i* is made, with its own row of the data file or another."""
        if self._fixed_options is not None:
            return self._fixed_options
        row = self.row(i) if row is None else row
        try:
            return replace(
                self._options,
                extra_headers=tuple((name, value.of(i, row)) for name, value in self._headers),
                auth_token=None if self._auth_token is None else self._auth_token.of(i, row),
                local_addr=(self._sources[i % len(self._sources)], 0) if self._sources else None,
            )
        except ValueError as error:
            raise PlanError(str(error)) from None


def _auth_token(source: str | None) -> ConnectionValue | None:
    if source is None:
        return None
    value = ConnectionValue(source, "auth_token")
    if value.is_constant and not is_reference(source):
        raise PlanError(
            "auth_token is env:NAME, @FILE or @FILE:COLUMN: a token on the command line shows in ps"
        )
    return value
