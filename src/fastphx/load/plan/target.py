"""What each connection connects to, and how: its URL with parameters, headers, TLS and source address."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import replace

from fastphx.errors import clip
from fastphx.load.plan.connection_value import ConnectionValue
from fastphx.load.plan.error import PlanError
from fastphx.load.plan.plan import Plan
from fastphx.load.plan.rows import Row, read_rows
from fastphx.transports.endpoint import endpoint_url, shown_url, split_url
from fastphx.transports.options import ConnectOptions

MAX_SOURCES = 65536


def websocket_url(url: str) -> str:
    """The socket's URL with ``/websocket`` added where it does not end so, as phoenix.js does it.

    Raises PlanError for anything but ``ws://`` or ``wss://`` with a host and without a query.
    """
    try:
        parts = split_url(url)
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
        self._params = [(name, ConnectionValue(value)) for name, value in plan.params]
        self._headers = [(name, ConnectionValue(value)) for name, value in plan.headers]
        self._vsn = plan.vsn
        self._sources = source_addresses(plan.source)
        try:
            self._options = ConnectOptions(
                connect_timeout=plan.connect_timeout_s,
                compress=plan.compress,
                ssl=_tls_context(plan),
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
        if all(value.is_constant for _, value in self._headers) and not self._sources:
            self._fixed_options = options

    @property
    def row_count(self) -> int:
        """After so many connections every row of every file has been taken."""
        values = [value for _, value in self._params + self._headers]
        return max(len(self._rows), *(value.row_count for value in values), 1)

    def row(self, i: int) -> Row:
        """Connection *i*'s row of the plan's data file; empty where there is none."""
        return self._rows[i % len(self._rows)]

    def url(self, i: int) -> str:
        """Connection *i*'s URL, with its query."""
        if self._fixed_url is not None:
            return self._fixed_url
        row = self.row(i)
        try:
            return endpoint_url(
                self._url, [(name, value.of(i, row)) for name, value in self._params], self._vsn
            )
        except ValueError as error:
            raise PlanError(str(error)) from None

    def options(self, i: int) -> ConnectOptions:
        """How connection *i* is made."""
        if self._fixed_options is not None:
            return self._fixed_options
        row = self.row(i)
        try:
            return replace(
                self._options,
                extra_headers=tuple((name, value.of(i, row)) for name, value in self._headers),
                local_addr=(self._sources[i % len(self._sources)], 0) if self._sources else None,
            )
        except ValueError as error:
            raise PlanError(str(error)) from None


def _tls_context(plan: Plan) -> ssl.SSLContext | None:
    if plan.ca is None and plan.cert is None:
        if plan.key is not None:
            raise PlanError("a key was given without its certificate: give --cert too")
        return None
    try:
        context = ssl.create_default_context(cafile=plan.ca)
        if plan.cert is not None:
            context.load_cert_chain(plan.cert, plan.key)
    except (OSError, ssl.SSLError) as error:
        raise PlanError(f"the certificates cannot be read ({error})") from None
    if plan.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
