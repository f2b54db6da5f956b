"""One LiveView on the socket: joined, followed, joined again after a crash, and left."""

from __future__ import annotations

import asyncio
import html
import logging
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from fastphx.errors import (
    ChannelCrashedError,
    ClosedError,
    ConnectionLostError,
    DisconnectedError,
    FastphxError,
    JoinError,
    JoinTimeoutError,
    NotJoinedError,
    PushTimeoutError,
    clip,
    clip_repr,
)
from fastphx.foreign_text import is_logged, visible
from fastphx.liveview.diff import Changed
from fastphx.liveview.document import VIEW
from fastphx.liveview.errors import (
    TreeError,
    ViewClosedError,
    ViewCrashedError,
    ViewDisconnectedError,
    ViewError,
    ViewTimeoutError,
)
from fastphx.liveview.forms import Forms
from fastphx.liveview.live_socket import EVENT_TIMEOUT_S, JOIN_TIMEOUT_S, LiveChannel, LiveClient
from fastphx.liveview.page import Container, Page, container_of
from fastphx.liveview.rendered import Rendered
from fastphx.liveview.version import Version
from fastphx.protocol.message import Message

logger = logging.getLogger("fastphx.liveview")

MAX_CHILD_JOIN_ATTEMPTS: Final = 3
MAX_VIEWS: Final = 1000
"""How many views may be joined on a page: one that is nested in itself has no end."""
_VIEW_BYTES = VIEW.encode()
_RANDOM_ID = "phx-"
_MOUNTED = "phx-mounted"
_MOUNTED_BYTES = _MOUNTED.encode()
_TRIGGER_BYTES = b"phx-trigger-action"
_TAG = re.compile(rf"<[a-zA-Z][^<>]*\s{VIEW}=[^<>]*>")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?""")


class Host(Protocol):
    """The page that a view is on, as the view sees it."""

    page: Page
    client: LiveClient
    join_params: dict[str, Any]
    """What the application's page gives to each join: LiveSocket's ``params``."""
    living: dict[str, Living]
    """The page's views by id."""
    version: Version | None
    """The server's LiveView, once a join has told it."""
    renders: bool
    joins_children: bool
    keeps_up: bool

    def spawn(self, work: Coroutine[Any, Any, object]) -> object:
        """Do *work* beside, and let the action under way wait for it."""

    def rendered(self, view: Living, rendered: dict[str, Any]) -> object:
        """*view* shows what the answer to its join has."""

    def told(self, view: Living, changed: Changed | None, size_bytes: int, asked: bool) -> object:
        """*view* has changed; None where it is not rendered. *asked*: in answer to a push."""

    def joined(self, view: Living, response: dict[str, Any]) -> object:
        """The server has accepted a join of *view*."""

    def refused(self, view: Living, response: dict[str, Any]) -> ViewError | None:
        """The server has refused a join of *view*: what its answer asks for is to be done. Returns the error
        where it asks for nothing."""

    def forms_now(self) -> Forms | None:
        """The elements of the page as they are before what comes next."""

    def recover(self, before: Forms) -> object:
        """A view was joined again: the changes of its forms are to be sent again."""

    def run_mounted(self, before: Forms | None) -> object:
        """Elements with ``phx-mounted`` may be new."""

    def trigger(self) -> object:
        """A form may have ``phx-trigger-action`` now."""

    def crashed(self, view: Living) -> object: ...
    def patched(self, to: str, kind: str) -> object: ...
    def redirected(self, to: str, flash: str | None) -> object: ...
    def live_redirected(self, to: str, kind: str, flash: str | None) -> object: ...
    def unanswered(self, view: Living) -> object:
        """An event was not answered within :data:`EVENT_TIMEOUT_S`."""


class Living:
    """One view: the page's main one, one nested in another, or a sticky one."""

    __slots__ = (
        "_broken",
        "_has_children",
        "_has_mounted",
        "_is_decided",
        "_is_joined",
        "_join_ref",
        "attempts",
        "changes",
        "channel",
        "children",
        "container",
        "container_attributes",
        "error",
        "flash",
        "host",
        "href",
        "id",
        "is_left",
        "is_redirected",
        "mounts",
        "parent",
        "referer",
        "size_bytes",
        "static",
        "tree",
    )

    def __init__(
        self,
        host: Host,
        container: Container,
        parent: Living | None = None,
        *,
        href: str | None = None,
        is_redirected: bool = False,
        flash: str | None = None,
        referer: str | None = None,
        static: str | None = None,
    ) -> None:
        self.host = host
        self.container = container
        self.id = container.id
        self.parent = parent
        self.children: dict[str, Living] = {}
        self.href = href
        """The URL that it is joined with; None for nested and sticky views."""
        self.is_redirected = is_redirected
        """Whether it was navigated to on the socket, and not served by HTTP."""
        self.flash = flash
        self.referer = referer
        self.static = container.static if static is None else static
        self.tree: Rendered | None = None
        self.channel: LiveChannel | None = None
        self.mounts = 0
        """How often it was joined."""
        self.attempts = 0
        """How many joins have failed since."""
        self.changes = 0
        """How often its content has changed."""
        self.size_bytes = 0
        """Of the answer to the last join."""
        self._broken = 0
        """How often what came could not be used, for the log."""
        self.error: ViewError | None = None
        """What the next action on it raises."""
        self.container_attributes: dict[str, str] | None = None
        """The tag (``""``) and the attributes that a live navigation has given to the container."""
        self.is_left = False
        self._is_joined = False
        self._is_decided = asyncio.Event()
        """Set while it is joined, and once it never will be: it was left, or its socket is closed."""
        self._join_ref = 0
        self._has_children = False
        self._has_mounted = False

    def __repr__(self) -> str:
        return f"<Living {self.id} mounts={self.mounts}>"

    @property
    def is_joined(self) -> bool:
        """Whether the server has it, as far as is known."""
        return self._is_joined

    def connection_lost(self) -> None:
        """It is joined again with the next connection, whose refs begin anew, if there will be one."""
        self._not_joined()
        self._join_ref = 0

    def _not_joined(self) -> None:
        self._is_joined = False
        if self.is_left or self.host.client.closed_because is not None:
            self._is_decided.set()
        else:
            self._is_decided.clear()

    # -- joining

    async def join(self) -> None:
        """Join. Returns once joined, or when what a refusal asks for was begun. Raises ViewCrashedError."""
        channel = self.host.client.channel(f"lv:{self.id}", self._join_payload)
        assert isinstance(channel, LiveChannel)
        self.channel = channel
        channel.on("diff", self._on_diff)
        for event in ("live_patch", "live_redirect", "redirect"):
            channel.on(event, self._on_navigation)
        channel.on_error(self._on_error)
        channel.on_close(self._on_close)
        channel.on_outage(lambda _: self._take_join())
        try:
            await channel.join(timeout=JOIN_TIMEOUT_S)
        except JoinError as error:
            failed = self._refused(error.response)
            if failed is not None:
                raise failed from error
            return
        except JoinTimeoutError as error:
            self.attempts += 1
            self.host.refused(self, {"reason": "timeout"})
            raise ViewCrashedError(f"the join of {self.shown} was not answered") from error
        except ClosedError as error:
            if self.is_left:
                return
            raise ViewClosedError(f"{self.shown} was closed while it was joined") from error
        self._take_join()

    def _join_payload(self) -> dict[str, Any]:
        host = self.host
        version = host.version
        params = {"_csrf_token": host.page.csrf_token, **host.join_params}
        if host.page.track_static:
            params["_track_static"] = host.page.track_static
        params["_mounts"] = self.mounts
        if version is None or version.has_mount_attempts:
            params["_mount_attempts"] = self.attempts
        if self.referer is not None:
            params["_live_referer"] = self.referer
        payload: dict[str, Any] = {}
        if self.href is not None:
            payload["redirect" if self.is_redirected else "url"] = self.href
        payload["params"] = params
        payload["session"] = self.container.session
        payload["static"] = self.static or None
        if self.flash is not None:
            payload["flash"] = self.flash
        if version is None or version.has_sticky:
            payload["sticky"] = self.container.is_sticky
        return payload

    def _take_join(self) -> None:
        """The channel is joined: what it was answered is what the view shows."""
        channel = self.channel
        if channel is None or self.is_left or channel.join_ref == self._join_ref:
            return
        self._join_ref = channel.join_ref
        response, self.size_bytes = channel.take_response()
        if not isinstance(response, dict):
            response = {}
        self.mounts += 1
        self.attempts = 0
        self.flash = None
        rendered = response.get("rendered")
        texts = _texts(rendered)
        # Forms that are gone with a crash are filled in again, if there are any.
        recovers = self.tree is not None and "phx-change" in self.tree.html()
        before = self.host.forms_now() if recovers else None
        self._drop_children()
        self.host.joined(self, response)
        if self.host.renders:
            try:
                self.tree = Rendered(
                    rendered,
                    served=None if self.is_redirected else self.host.page.take_served(self.id),
                    previous=self.tree,
                )
            except TreeError as error:
                self.broken(error)
            else:
                if VIEW in texts:
                    self._find_children()
        elif self.host.joins_children and self.mounts == 1:
            self._find_children_in(texts)
        container = response.get("container")
        if isinstance(container, list) and len(container) == 2 and isinstance(container[1], dict):
            self.container_attributes = {"": str(container[0])} | {
                str(name): str(value) for name, value in container[1].items()
            }
        self.changes += 1
        self._is_joined = True
        self._is_decided.set()
        self.host.rendered(self, rendered if isinstance(rendered, dict) else {})
        if before is not None:
            self.host.recover(before)
        if _MOUNTED in texts and self.host.renders:
            self._has_mounted = True
            self.host.run_mounted(before)

    def _refused(self, response: object) -> ViewError | None:
        """What that comes to for whoever waits for the join."""
        self._not_joined()
        if self.is_left:
            return None
        self.attempts += 1
        return self.host.refused(self, response if isinstance(response, dict) else {})

    # -- what the server sends

    def _on_diff(self, message: Message) -> None:
        self._take_join()
        diff = self._payload(message)
        if diff is not None:
            self._merge(diff, message.raw, asked=False)

    def _on_navigation(self, message: Message) -> None:
        self._take_join()
        if (payload := self._payload(message)) is not None:
            self._follow({message.event: payload})

    def _on_error(self, message: Message) -> None:
        """It has crashed, or a rejoin was refused; the channel joins it again."""
        self.connection_lost()
        self._drop_children()
        if message.is_reply:
            try:
                self._refused(message.response)
            except FastphxError:
                self._refused({})
        else:
            self.host.crashed(self)

    def _on_close(self, _: Message | None) -> None:
        self._not_joined()
        if not self.is_left:
            self._drop_children()

    def _payload(self, message: Message) -> dict[str, Any] | None:
        try:
            payload = message.payload
        except FastphxError as error:
            self.broken(TreeError(f"a message of {self.shown} is no JSON: {error}"))
            return None
        if not isinstance(payload, dict):
            self.broken(TreeError(f"a {clip(message.event)} of {self.shown} is {clip_repr(payload)}"))
            return None
        return payload

    def broken(self, error: ViewError) -> None:
        """The next action on it raises *error*."""
        self._broken += 1
        if is_logged(self._broken):
            logger.warning("%s: %s", self.shown, error)
        self.error = error

    def _merge(self, diff: dict[str, Any], raw: bytes, *, asked: bool) -> Changed | None:
        if not self.host.renders or self.tree is None:
            self.host.told(self, None, len(raw), asked)
            return None
        has_mounted = _MOUNTED_BYTES in raw
        before = self.host.forms_now() if has_mounted or self._has_mounted else None
        try:
            changed = self.tree.merge(diff)
        except TreeError as error:
            self.broken(error)
            return None
        self.changes += 1
        if _VIEW_BYTES in raw or self._has_children:
            self._find_children()
        if changed.removed_cids:
            self.host.spawn(self._destroy(changed.removed_cids))
        self.host.told(self, changed, len(raw), asked)
        if _TRIGGER_BYTES in raw:
            self.host.trigger()
        if has_mounted or self._has_mounted:
            self._has_mounted = True
            self.host.run_mounted(before)
        return changed

    def follow(self, response: dict[str, Any]) -> None:
        """Do what an answer asks for: a patch of the URL, a live navigation, or another page. Raises
        ViewError where that is no URL."""
        patch, live, page = (response.get(name) for name in ("live_patch", "live_redirect", "redirect"))
        if isinstance(page, dict) and isinstance(page.get("to"), str):
            self.host.redirected(page["to"], _text(page.get("flash")))
        elif isinstance(live, dict) and isinstance(live.get("to"), str):
            self.host.live_redirected(live["to"], str(live.get("kind")), _text(live.get("flash")))
        elif isinstance(patch, dict) and isinstance(patch.get("to"), str):
            self.host.patched(patch["to"], str(patch.get("kind")))

    def _follow(self, response: dict[str, Any]) -> None:
        try:
            self.follow(response)
        except ViewError as error:
            self.broken(error)

    # -- pushing

    async def push(self, event: str, payload: Any, timeout_s: float) -> Answer:
        """Push, and return what was answered, after its diff was merged and what it asks for was begun.

        *timeout_s*, but half a minute at most, is for the answer; after half a minute the page is loaded
        again.

        While the view is being joined, this waits for it. Raises ViewCrashedError, ViewClosedError,
        ViewTimeoutError, ViewDisconnectedError, TreeError, EncodingError.
        """
        answer = Answer()

        def on_reply(message: Message) -> None:
            response = message.response if message.status == "ok" else None
            if not isinstance(response, dict):
                return
            answer.response = response
            diff = response.get("diff")
            if isinstance(diff, dict):
                answer.changed = self._merge(diff, message.raw, asked=True)
            self._follow(response)

        def read(message: Message) -> None:
            try:
                on_reply(message)
            except FastphxError as error:
                self.broken(TreeError(f"an answer of {self.shown} cannot be read: {error}"))
            except Exception as error:
                # Raised from here, it would end the connection.
                logger.exception("an answer of %s", self.shown)
                self.broken(ViewError(f"an answer of {self.shown} has failed: {clip_repr(error)}"))

        try:
            # Without a tree there is nothing that has to be done before the next message.
            reply = await self._ask(event, payload, None if self.tree is None else read, timeout_s)
            if self.tree is None:
                read(reply)
        except ChannelCrashedError as error:
            raise ViewCrashedError(f"{self.shown} crashed on the server at {clip(event)}") from error
        except PushTimeoutError as error:
            if timeout_s >= EVENT_TIMEOUT_S:
                self.host.unanswered(self)
            raise ViewTimeoutError(f"{self.shown} has not answered {clip(event)}") from error
        except (ConnectionLostError, DisconnectedError) as error:
            raise ViewDisconnectedError(
                f"the connection was lost before {self.shown} has answered"
            ) from error
        except (ClosedError, NotJoinedError) as error:
            raise ViewClosedError(f"{self.shown} was closed before it answered {clip(event)}") from error
        if reply.status != "ok":
            raise ViewError(f"{self.shown} has refused {clip(event)}: {clip_repr(reply.response)}")
        self.raise_error()
        return answer

    async def _ask(
        self, event: str, payload: Any, on_reply: Callable[[Message], object] | None, timeout_s: float
    ) -> Message:
        """Push when the view is joined; once more where it turns out that it is not, and nothing was sent."""
        for is_last in (not self.host.keeps_up, True):
            if not self._is_joined:
                await self.wait_joined(timeout_s)
            self.raise_error()
            channel = self.channel
            assert channel is not None
            try:
                return await channel.ask(event, payload, on_reply, min(timeout_s, EVENT_TIMEOUT_S))
            except (DisconnectedError, NotJoinedError):
                if is_last or self.is_left:
                    raise
                self.connection_lost()
        raise AssertionError

    def raise_error(self) -> None:
        """Raise what went wrong since the last action, once."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    async def wait_joined(self, timeout_s: float) -> None:
        """Return when the server has it. Raises ViewCrashedError, ViewClosedError, ViewDisconnectedError."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_joined:
                    self._check_joinable()
                    await self._is_decided.wait()
        except TimeoutError:
            raise ViewCrashedError(
                f"{self.shown} is not joined, and was not within {timeout_s:g} s"
            ) from None

    def _check_joinable(self) -> None:
        if self.is_left:
            raise ViewClosedError(f"{self.shown} was left")
        closed = self.host.client.closed_because
        if closed is not None:
            raise ViewDisconnectedError(f"{self.shown} has no connection any more: {closed}")
        if not self.host.keeps_up and self.mounts:
            raise ViewCrashedError(f"{self.shown} has crashed, or its connection was lost")

    async def _destroy(self, cids: Sequence[int]) -> None:
        """Tell the server that components have vanished: it keeps them until then."""
        tree = self.tree
        try:
            await self.push("cids_will_destroy", {"cids": list(cids)}, EVENT_TIMEOUT_S)
            gone = [
                cid
                for cid in cids
                if tree is self.tree and tree is not None and cid not in tree.component_ids
            ]
            if gone:
                answer = await self.push("cids_destroyed", {"cids": gone}, EVENT_TIMEOUT_S)
                dropped = answer.response.get("cids")
                if isinstance(dropped, list) and tree is not None:
                    tree.drop([cid for cid in dropped if isinstance(cid, int)])
        except ViewError as error:
            logger.debug("%s: its components were not released: %s", self.shown, error)

    # -- nested views

    def _find_children(self) -> None:
        assert self.tree is not None
        self._find_children_in(self.tree.html())

    def _find_children_in(self, text: str) -> None:
        """Leave nested views that are gone from the content, and join those that are new."""
        found = {each.id: each for each in nested_containers(text)}
        self._has_children = bool(found)
        for view_id, child in list(self.children.items()):
            there = found.get(view_id)
            if there is None or (there.session and there.session != child.container.session):
                self.children.pop(view_id)
                child.leave()
        for view_id, container in found.items():
            known = self.host.living.get(view_id)
            if known is not None and not known.is_left:
                continue
            if len(self.host.living) >= MAX_VIEWS:
                self.broken(ViewError(f"the page has more than {MAX_VIEWS} views"))
                return
            child = Living(self.host, container, self, static=self.host.page.take_static(container))
            if not container.is_sticky:
                self.children[view_id] = child
            self.host.living[view_id] = child
            self.host.spawn(child.join())

    def _drop_children(self) -> None:
        for child in self.children.values():
            child.leave()
        self.children.clear()

    def leave(self) -> None:
        """Leave it on the server, its nested views first. It stays left."""
        if self.is_left:
            return
        self._drop_children()
        self.is_left = True
        self._not_joined()
        if self.host.living.get(self.id) is self:
            del self.host.living[self.id]
        if self.channel is not None and self.channel.topic in self.host.client.channels:
            # Not awaited: another view may be joined on the topic at once.
            begun(self.channel.leave(timeout=JOIN_TIMEOUT_S))

    def html(self) -> str:
        """Its content, with that of the views in it."""
        return self._filled({self.id})

    def _filled(self, placed: set[str]) -> str:
        """The same, without the views that are *placed* already: a view has one element. So a page whose
        views are in each other has an end."""
        text = "" if self.tree is None else self.tree.html()
        if not self._has_children:
            return text
        living = self.host.living

        def filled(match: re.Match[str]) -> str:
            container = container_of(_attributes(match[0]))
            inner = None if container is None or container.id in placed else living.get(container.id)
            if inner is None:
                return match[0]
            placed.add(inner.id)
            return match[0] + inner._filled(placed)

        return _TAG.sub(filled, text)

    @property
    def shown(self) -> str:
        """How an error names it: by what is the same for each visitor. Most ids are drawn at random."""
        if self.href is not None:
            return f"the view at {visible(urlsplit(self.href).path or '/', 100)}"
        return "a nested view" if self.id.startswith(_RANDOM_ID) else f"the view {clip(self.id)}"


class Answer:
    """What a push was answered."""

    __slots__ = ("changed", "response")

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}
        self.changed: Changed | None = None


_BEGUN: set[asyncio.Task[None]] = set()


def begun(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* beside, from the next turn of the loop on; its errors are of no interest."""

    async def quietly() -> None:
        try:
            await work
        except FastphxError as error:
            logger.debug("a leave: %s", error)

    task = asyncio.get_running_loop().create_task(quietly())
    _BEGUN.add(task)
    task.add_done_callback(_BEGUN.discard)


def nested_containers(text: str) -> Iterator[Container]:
    """The views whose containers stand in the HTML *text*."""
    for match in _TAG.finditer(text):
        container = container_of(_attributes(match[0]))
        if container is not None:
            yield container


def _attributes(tag: str) -> dict[str, str | None]:
    name_end = re.match(r"<[a-zA-Z][^\s>/]*", tag)
    return {
        match[1]: html.unescape(match[2] or match[3] or match[4] or "")
        for match in _ATTRIBUTE.finditer(tag, name_end.end() if name_end else 1)
    }


def _texts(rendered: object, depth: int = 0) -> str:
    """All text of a tree that is not merged."""
    if isinstance(rendered, str):
        return rendered
    if depth > 100:
        return ""
    if isinstance(rendered, dict):
        return "\n".join(_texts(each, depth + 1) for each in rendered.values())
    if isinstance(rendered, list):
        return "\n".join(_texts(each, depth + 1) for each in rendered)
    return ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
