"""A user's HTTP session: ``await self.http.get("/")``. Requests are steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic_ns
from typing import Any, Unpack, cast

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from fastphx.client.deadline import checked_timeout
from fastphx.load.journeys.failure import HttpError, RequestError, RequestTimeoutError
from fastphx.load.journeys.http_body import NO_BODY, Body, body_of
from fastphx.load.journeys.http_connector import HttpConnector, Pending
from fastphx.load.journeys.http_options import Expected, Headers, RequestOptions, is_expected
from fastphx.load.journeys.http_response import Response
from fastphx.load.journeys.run import Run
from fastphx.load.journeys.step import UNCOUNTED, Step, end_step
from fastphx.load.journeys.visit import Visit
from fastphx.transports.endpoint import Params, param_pairs, shown_url
from fastphx.transports.http_failure import cause_of, what_failed
from fastphx.transports.options import ConnectOptions
from fastphx.transports.redaction import MAX_LOOKED_AT, Redaction

MAX_REDIRECTS = 10
MAX_BODY_BYTES = 16 * 1024 * 1024
"""Of an answer, decompressed."""
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""RFC 9110 section 9.2.2: to do it twice is to do it once."""
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)
_DISCONNECTED = (
    aiohttp.ClientOSError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientConnectionResetError,
)


class Http:
    """One user's: its cookies, and the plan's headers, TLS and source address.

    Each request is a step, ``GET /session``: the method and the path, without the query. Where ids are part
    of a path, give a ``name=``. It is timed to the end of the body, redirects included; the wait for a
    connection is a step of its own, ``connect HTTP``. Connections are kept, and used by the next request of
    any user.
    """

    __slots__ = ("_connector", "_headers", "_origin", "_session", "_visit")

    def __init__(self, visit: Visit) -> None:
        run = visit.run
        own = run.target.options(visit.index, visit.row)
        self._visit = visit
        self._headers = own.extra_headers
        self._origin = URL(run.app.http_url("/")).origin()
        self._connector = _connector_of(run, own)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            # By default it keeps no cookies of an IP address, and writes a=b== back as a="b==".
            cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False),
            timeout=_NO_TIMEOUT,
        )
        # It would send again on a new connection too, and say nothing of it.
        self._session._retry_connection = False

    async def get(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with GET."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with POST."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with PUT."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with PATCH."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with DELETE."""
        return await self.request("DELETE", path, **options)

    async def head(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with HEAD."""
        return await self.request("HEAD", path, **options)

    async def options(self, path: str, **options: Unpack[RequestOptions]) -> Response:
        """:meth:`request` with OPTIONS."""
        return await self.request("OPTIONS", path, **options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params = (),
        data: Any = None,
        json: Any = None,
        headers: Headers = (),
        expect: Expected | None = None,
        name: str | None = None,
        timeout: float | None = None,
        follow: bool = True,
    ) -> Response:
        """Send a request, and return the answer with its whole body, of 16 MiB at most.

        *path* is relative to the plan's URL; a whole URL is itself. *params* are its query; *data* is a form
        where it is a mapping or pairs, or bytes, text, or ``aiohttp.FormData``; *json* is sent as JSON.
        *timeout* in seconds, the plan's by default, without the wait for a connection.

        A status of 400 and more fails the step; with *expect*, every status that it does not allow: an int, a
        set or range, or what is called with the status. Up to 10 redirects are followed, unless *follow* is
        False; to another host they go without the plan's headers and the given ones.

        GET, HEAD, OPTIONS, PUT and DELETE are sent once more, and counted as ``http_retries``, where the
        server has closed a kept connection under them; no other is, since it may have been handled.

        Raises HttpError, RequestTimeoutError, RequestError; ValueError for what cannot be meant.
        """
        visit = self._visit
        run = visit.run
        method = method.upper()
        url = URL(run.app.http_url(path))
        if params:
            url = url.extend_query(param_pairs(params))
        body = body_of(data, json)
        given = CIMultiDict(headers)
        limit_s = checked_timeout(timeout, run.plan.timeout_s)
        step: Step = UNCOUNTED
        if not run.is_stopping:
            step = visit.begin_step(run.counter(method, self._shown(url, path), name))
        try:
            async with asyncio.timeout(limit_s) as deadline:
                pending = Pending(visit, deadline)
                response = await self._answer(pending, method, url, given, body, follow)
            if not is_expected(response.status, expect):
                cookies = [each.value for each in self._session.cookie_jar]
                sent = [*url.query.values(), *given.values(), *(value for _, value in self._headers)]
                conceal = Redaction(data, json, sent, cookies)
                shown = conceal(response.content[:MAX_LOOKED_AT].decode("utf-8", "replace"))
                raise HttpError(_shown_request(method, url), response.status, shown)
        except BaseException as error:
            end_step(step, failed := _failure(error, method, url, limit_s), visit)
            if failed is error:
                raise
            raise failed from failed.__cause__
        step.ok(len(response.content), ended_ns=monotonic_ns() - pending.waited_ns)
        return response

    # -- cookies

    def cookie_header(self, url: str) -> str | None:
        """What goes as ``Cookie`` with a request of *url* (``ws`` is ``http`` here); None for nothing."""
        found = self._session.cookie_jar.filter_cookies(_http_url(url)).values()
        # What a server has written must be nothing but a value.
        shown = [f"{each.key}={each.value}" for each in found if each.value.isprintable()]
        return "; ".join(shown) or None

    def store_cookies(self, url: str, set_cookies: Sequence[str]) -> None:
        """Keep what an answer from *url* sets."""
        self._session.cookie_jar.update_cookies_from_headers(set_cookies, _http_url(url))

    # -- its end

    async def close(self) -> None:
        """Forget its cookies. The connections stay for others."""
        self.abort()

    def abort(self) -> None:
        """As :meth:`close`."""
        self._session.detach()

    # -- one request

    def _shown(self, url: URL, path: str) -> str:
        """How a step names what is asked for: by its path in the application."""
        if "://" not in path:
            path = path.partition("?")[0].partition("#")[0]
            return path if path.startswith("/") else f"/{path}"
        return url.path if url.origin() == self._origin else f"{url.host_port_subcomponent}{url.path}"

    async def _answer(
        self, pending: Pending, method: str, url: URL, given: CIMultiDict[str], body: Body, follow: bool
    ) -> Response:
        """The answer at the end of all redirects."""
        asked = url.origin()
        self._connector.begin(pending)
        try:
            for _ in range(MAX_REDIRECTS + 1):
                headers = self._headers_to(url, given if url.origin() == asked else CIMultiDict(), body)
                response = await self._send(pending, method, url, headers, body)
                location = response.headers.get("Location")
                if not follow or response.status not in _REDIRECTS or location is None:
                    return response
                if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                    # What was sent has been taken: what comes of it is asked for.
                    method = "HEAD" if method == "HEAD" else "GET"
                    body = NO_BODY
                if not body.can_repeat:
                    raise RequestError("a redirect asks for a body again that can be sent only once")
                url = _redirected(url, location)
            raise RequestError(
                f"the server redirects more than {MAX_REDIRECTS} times", reason="too many redirects"
            )
        finally:
            self._connector.end()

    def _headers_to(self, url: URL, given: CIMultiDict[str], body: Body) -> CIMultiDict[str]:
        headers = given.copy()
        if url.origin() == self._origin:
            for name, value in self._headers:
                if name not in given:
                    headers.add(name, value)
        if body.content is None:
            headers.popall("Content-Type", None)
        elif body.content_type is not None:
            headers.setdefault("Content-Type", body.content_type)
        return headers

    async def _send(
        self, pending: Pending, method: str, url: URL, headers: CIMultiDict[str], body: Body
    ) -> Response:
        """One exchange; once more where a kept connection turns out to be closed."""
        may_repeat = method in _IDEMPOTENT and body.can_repeat
        while True:
            pending.is_new = False
            try:
                answer = await self._session.request(
                    method, url, data=body.data(), headers=headers, allow_redirects=False
                )
            except _DISCONNECTED:
                if pending.is_new or not may_repeat:
                    raise
                may_repeat = False
                self._visit.run.recorder.counts["http_retries"] += 1
                continue
            return await _whole(answer)


def http_of(visit: Visit) -> Http:
    """The session of *visit*, made where there is none."""
    session = visit.http
    if session is None:
        session = visit.http = Http(visit)
        visit.opened.append(session)
    return cast(Http, session)


def _connector_of(run: Run, own: ConnectOptions) -> HttpConnector:
    source = None if own.local_addr is None else own.local_addr[0]
    connector = run.connectors.get(source)
    if connector is None:
        ssl = own.ssl if own.ssl is not None else own.ssl_verify
        connector = run.connectors[source] = HttpConnector(run, own.local_addr, ssl)
    return cast(HttpConnector, connector)


async def _whole(answer: aiohttp.ClientResponse) -> Response:
    parts: list[bytes] = []
    size = 0
    try:
        while part := await answer.content.readany():
            parts.append(part)
            size += len(part)
            if size > MAX_BODY_BYTES:
                raise RequestError(
                    f"the answer of {shown_url(str(answer.url))} is longer than {MAX_BODY_BYTES} bytes",
                    reason="the answer is too long",
                )
    except BaseException:
        answer.close()
        raise
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    return Response(answer.status, str(answer.url), answer.headers, content, answer.charset)


def _redirected(url: URL, location: str) -> URL:
    try:
        target = url.join(URL(location)).with_fragment(None)
        if target.scheme in ("http", "https") and target.host:
            return target
    except ValueError:
        pass
    raise RequestError(f"a redirect leads to {shown_url(location)}", reason="a redirect to no HTTP URL")


def _shown_request(method: str, url: URL) -> str:
    return f"{method} {shown_url(str(url))}"


def _failure(error: BaseException, method: str, url: URL, limit_s: float) -> BaseException:
    """*error* in our words."""
    asked = _shown_request(method, url)
    if isinstance(error, TimeoutError) and not isinstance(error, RequestError):
        return RequestTimeoutError(f"{asked} was not answered within {limit_s:g} s")
    if not isinstance(error, aiohttp.ClientError):
        return error
    if isinstance(error, (*_DISCONNECTED, aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
        what, reason = "the connection was lost", "disconnected"
    elif isinstance(error, aiohttp.ClientResponseError):
        what, reason = "the answer is not HTTP", "the answer is not HTTP"
    else:
        what, reason = what_failed(error), "no answer"
    failed = RequestError(f"{asked}: {what}", reason=reason)
    failed.__cause__ = cause_of(error)
    return failed


def _http_url(url: str) -> URL:
    return URL(f"http{url[2:]}" if url.startswith("ws") else url)
