"""The whole look at a server, from its name to its views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fastphx.probe.asked import LIVE, Asked
from fastphx.probe.finding import Finding
from fastphx.probe.network import (
    Proxy,
    look_at_addresses,
    look_at_tls,
    look_for_proxy,
    look_up,
    place_of,
    speaks_tls,
)
from fastphx.probe.page import PageSeen, look_at_page, look_at_view
from fastphx.probe.phoenix_socket import (
    Attempt,
    attempt,
    beat_findings,
    best_opened,
    handshake_finding,
    look_at_long_polling,
    refusal,
)


@dataclass
class Seen:
    """What was found, in the order in which it was looked at."""

    findings: list[Finding] = field(default_factory=list)
    page: PageSeen | None = None
    socket: Attempt | None = None
    """The one that has opened."""
    refused: Attempt | None = None
    """One that is there and wants a token, or parameters."""
    has_view: bool = False
    """The page's view was joined."""

    @property
    def is_connected(self) -> bool:
        """Whether a socket of Phoenix was opened."""
        return self.socket is not None and self.socket.vsn is not None

    @property
    def channels(self) -> Attempt | None:
        """The socket of the application's channels: the one that has opened, or the one that refuses.
        LiveView's is none, unless there is nothing else to look at."""
        found = [each for each in (self.socket, self.refused) if each is not None and each.is_of_phoenix]
        own = next((each for each in found if not each.path.endswith(LIVE)), None)
        return own if own is not None or self.has_view else next(iter(found), None)

    @property
    def is_well(self) -> bool:
        return all(each.state != "wrong" for each in self.findings)


async def look_at(
    asked: Asked, tell: Callable[[Finding], object] = lambda _: None, *, lobby: str | None = None
) -> Seen:
    """Look until something stands in the way of all that follows; *tell* hears of each finding at once. With
    *lobby*, see whether that topic can be joined. No wait is longer than the asked timeout, or twice that for
    a page with its view."""
    seen = Seen()

    def found(finding: Finding) -> bool:
        seen.findings.append(finding)
        tell(finding)
        return finding.state != "wrong"

    proxy = look_for_proxy(asked)
    if not found(proxy.finding) or not await _look_below(asked, proxy, found):
        return seen
    seen.page, finding = await look_at_page(asked)
    if seen.page is None and proxy.url is None and not asked.is_secure and await speaks_tls(asked):
        finding = replace(finding, to_do=f"the port speaks TLS: write {asked.other_scheme}")
    found(finding)
    if seen.page is None or seen.page.is_moved:
        return seen
    await _look_at_sockets(asked, seen, found, lobby)
    if found(view := await look_at_view(asked, seen.page)):
        seen.has_view = view.state == "ok"
    return seen


async def _look_below(asked: Asked, proxy: Proxy, found: Callable[[Finding], bool]) -> bool:
    """Below HTTP; whether there is a way."""
    place = place_of(asked, proxy)
    addresses, finding = await look_up(place)
    if not found(finding):
        return False
    is_open, finding = await look_at_addresses(place, addresses)
    found(finding)
    if not is_open:
        return False
    if place.is_proxy and asked.is_secure:
        found(Finding("TLS", "absent", "looked at through the proxy, with what follows"))
        return True
    is_open, finding = await look_at_tls(asked)
    found(finding)
    return is_open


async def _look_at_sockets(
    asked: Asked, seen: Seen, found: Callable[[Finding], bool], lobby: str | None
) -> None:
    assert seen.page is not None
    tried: list[Attempt] = []
    for path in asked.socket_paths(seen.page.live_path):
        tried.append(await attempt(asked, path, lobby))
        if asked.is_socket and (tried[-1].has_opened or tried[-1].is_refused):
            break
    seen.socket = best_opened(tried)
    seen.refused = next((each for each in tried if each.is_refused), None)
    path = (seen.socket or seen.refused or tried[0]).path
    polling = await look_at_long_polling(asked, path)
    handshake = handshake_finding(asked, tried)
    if seen.socket is None and seen.refused is None and polling.state == "ok":
        to_do = "let what is on the way pass WebSockets on (the headers Upgrade and Connection); until then, "
        handshake = replace(handshake, to_do=f"{to_do}listen and push can --transport longpoll")
    found(handshake)
    if seen.socket is not None:
        for finding in beat_findings(seen.socket):
            found(finding)
        if seen.refused is not None:
            found(refusal(asked, seen.refused))
    found(polling)
