"""Files of a form's upload inputs: chosen, announced, sent in chunks, and followed to their end."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from fastphx.errors import FastphxError, JoinError, clip, clip_repr
from fastphx.liveview.errors import UploadError, ViewError
from fastphx.liveview.live_socket import EVENT_TIMEOUT_S, JOIN_TIMEOUT_S, LiveChannel
from fastphx.liveview.living import Living, begun

MAX_FILES = 1000
"""How many files one input may hold."""
MAX_CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file to upload: its content, or the path that it is read from when it is sent."""

    name: str
    content: bytes | Path
    type: str
    size: int
    last_modified: int
    """Milliseconds since 1970."""
    relative_path: str = ""

    @classmethod
    def of(cls, given: FileLike) -> File:
        """What a user gives: a path, or a name and the content, and maybe its media type. Raises ValueError,
        and OSError for a path that cannot be read."""
        if isinstance(given, File):
            return given
        if isinstance(given, str | Path):
            path = Path(given)
            stat = path.stat()
            if not path.is_file():
                raise ValueError(f"{clip(str(path))} is no file")
            return cls(path.name, path, _media_type(path.name), stat.st_size, stat.st_mtime_ns // 1_000_000)
        if not isinstance(given, tuple) or not (
            len(given) in (2, 3) and isinstance(given[0], str) and isinstance(given[1], bytes)
        ):
            raise ValueError(f"a file is {clip_repr(given)}: give a path, or a name and bytes")
        name, content, *rest = given
        media_type = rest[0] if rest else _media_type(name)
        return cls(name, content, str(media_type), len(content), time.time_ns() // 1_000_000)


FileLike = File | str | Path | tuple[str, bytes] | tuple[str, bytes, str]


class Entry:
    """A file in an input."""

    __slots__ = ("file", "ref")

    def __init__(self, file: File, ref: str) -> None:
        self.file = file
        self.ref = ref

    def announced(self) -> dict[str, Any]:
        """As ``allow_upload`` has it."""
        file = self.file
        return {
            "last_modified": file.last_modified,
            "name": file.name,
            "relative_path": file.relative_path,
            "size": file.size,
            "type": file.type,
            "ref": self.ref,
        }

    def validated(self, path: str) -> dict[str, Any]:
        """As the change event of its form has it; *path* is the input's name."""
        file = self.file
        return {
            "path": path,
            "ref": self.ref,
            "last_modified": file.last_modified,
            "name": file.name,
            "relative_path": file.relative_path,
            "type": file.type,
            "size": file.size,
        }


@dataclass(frozen=True, slots=True)
class UploadInput:
    """An ``<input type="file">`` of ``live_file_input``, as the page has it now."""

    ref: str
    name: str
    cid: int | None
    progress_event: str | None
    is_auto: bool
    is_multiple: bool
    active: frozenset[str]
    preflighted: frozenset[str]

    @classmethod
    def of(cls, attributes: Mapping[str, str | None], cid: int | None) -> Self | None:
        """That of an element with *attributes*; None where it is none."""
        ref = attributes.get("data-phx-upload-ref")
        if not ref:
            return None
        return cls(
            ref,
            attributes.get("name") or "",
            cid,
            attributes.get("phx-progress"),
            "data-phx-auto-upload" in attributes,
            "multiple" in attributes,
            _refs(attributes.get("data-phx-active-refs")),
            _refs(attributes.get("data-phx-preflighted-refs")),
        )


class Uploads:
    """The files that were chosen on a page, by input."""

    def __init__(self) -> None:
        self._chosen: dict[str, list[Entry]] = {}
        self._next_ref = 0
        self._new: frozenset[str] = frozenset()
        """The refs of those that the server has not heard of."""

    def choose(self, source: UploadInput, files: Iterable[File]) -> None:
        """Put *files* into an input: beside those that are there where it takes several. Raises
        ValueError."""
        entries = [Entry(each, self._new_ref()) for each in files]
        kept = self.active(source) if source.is_multiple else []
        if len(kept) + len(entries) > MAX_FILES:
            raise ValueError(f"an input takes at most {MAX_FILES} files")
        self._new = frozenset(entry.ref for entry in entries)
        self._chosen[source.ref] = kept + entries

    def active(self, source: UploadInput) -> list[Entry]:
        """The files of an input that the server knows, and those that it has not heard of."""
        return [
            entry
            for entry in self._chosen.get(source.ref, ())
            if entry.file.size > 0 and (entry.ref in self._new or entry.ref in source.active)
        ]

    def announced(self, sources: Iterable[UploadInput]) -> dict[str, list[dict[str, Any]]]:
        """``uploads`` of a change event: those of each input that has files."""
        told = {
            source.ref: [entry.validated(source.name) for entry in entries]
            for source in sources
            if (entries := self.active(source))
        }
        self._new = frozenset()
        return told

    def waiting(self, source: UploadInput) -> list[Entry]:
        """The files of an input that are still to be sent."""
        return [entry for entry in self.active(source) if entry.ref not in source.preflighted]

    async def send(self, living: Living, source: UploadInput) -> None:
        """Send the files of an input that are still to be sent, all at once, and return when the server has
        them all. Raises UploadError, and what a push raises."""
        entries = self.waiting(source)
        if not entries:
            return
        payload: dict[str, Any] = {"ref": source.ref, "entries": [entry.announced() for entry in entries]}
        if source.cid is not None:
            payload["cid"] = source.cid
        answer = (await living.push("allow_upload", payload, EVENT_TIMEOUT_S)).response
        refused = answer.get("errors") or answer.get("error")
        if refused:
            raise UploadError(f"the server refuses files of {clip(source.name)}: {clip_repr(refused)}")
        tokens, config = answer.get("entries"), answer.get("config")
        tokens = tokens if isinstance(tokens, dict) else {}
        config = config if isinstance(config, dict) else {}
        transfers = [Transfer(living, source, entry, tokens.get(entry.ref), config) for entry in entries]
        tasks = [asyncio.ensure_future(transfer.run()) for transfer in transfers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    def _new_ref(self) -> str:
        self._next_ref += 1
        return str(self._next_ref - 1)


class Transfer:
    """One file on its way: a channel of its own, a chunk after another, and its progress to the view."""

    def __init__(
        self, living: Living, source: UploadInput, entry: Entry, token: object, config: Mapping[str, Any]
    ) -> None:
        if isinstance(token, dict):
            raise UploadError(
                f"{clip(entry.file.name)} would be sent to an external service "
                f"({clip_repr(token.get('uploader'))}): only uploads to the server itself are possible"
            )
        if not isinstance(token, str):
            raise UploadError(f"the server gives no token for {clip(entry.file.name)}")
        self._living = living
        self._source = source
        self._entry = entry
        self._token = token
        chunk = config.get("chunk_size")
        timeout_ms = config.get("chunk_timeout")
        self._chunk_bytes = chunk if isinstance(chunk, int) and 0 < chunk <= MAX_CHUNK_BYTES else 64_000
        self._chunk_timeout_s = EVENT_TIMEOUT_S
        if isinstance(timeout_ms, int) and timeout_ms > 0:
            self._chunk_timeout_s = timeout_ms / 1000

    async def run(self) -> None:
        """Send it. Raises UploadError, and what a push raises."""
        name = clip(self._entry.file.name)
        channel = self._living.host.client.channel(f"lvu:{self._entry.ref}", {"token": self._token})
        assert isinstance(channel, LiveChannel)
        progress: list[asyncio.Task[object]] = []
        try:
            await channel.join(timeout=JOIN_TIMEOUT_S)
            sent = last = 0
            for chunk in _chunks(self._entry.file, self._chunk_bytes):
                reply = await channel.ask("chunk", chunk, None, self._chunk_timeout_s)
                if reply.status != "ok":
                    raise UploadError(f"the server refuses {name}: {clip_repr(reply.response)}")
                sent += len(chunk)
                percent = 100 if sent >= self._entry.file.size else sent * 100 // self._entry.file.size
                if percent > last:
                    last = percent
                    progress.append(asyncio.create_task(self._tell(percent)))
                    # It goes before the next chunk.
                    await asyncio.sleep(0)
            await asyncio.gather(*progress)
            if sent < self._entry.file.size:
                raise UploadError(f"{name} has {sent} bytes now, and had {self._entry.file.size}")
            # The server closes the channel when it has consumed the file.
        except JoinError as error:
            await self._tell({"error": error.shown_reason or "join failed"})
            raise UploadError(f"the server refuses {name}: {clip_repr(error.response)}") from error
        except FastphxError as error:
            if channel.topic in self._living.host.client.channels:
                begun(channel.leave(timeout=JOIN_TIMEOUT_S))
            with suppress(FastphxError):
                await self._tell({"error": "failed"})
            if isinstance(error, ViewError):
                raise
            raise UploadError(f"{name} was not sent: {error}") from error
        finally:
            for task in progress:
                task.cancel()

    async def _tell(self, progress: object) -> None:
        payload: dict[str, Any] = {
            "event": self._source.progress_event,
            "ref": self._source.ref,
            "entry_ref": self._entry.ref,
            "progress": progress,
        }
        if self._source.cid is not None:
            payload["cid"] = self._source.cid
        await self._living.push("progress", payload, EVENT_TIMEOUT_S)


def _chunks(file: File, size: int) -> Iterable[bytes]:
    """Its content in pieces. Raises UploadError for a file that cannot be read any more."""
    if isinstance(file.content, bytes):
        for at in range(0, len(file.content), size):
            yield file.content[at : at + size]
        return
    opened: BinaryIO
    try:
        with file.content.open("rb") as opened:
            while chunk := opened.read(size):
                yield chunk
    except OSError as error:
        raise UploadError(f"{clip(file.name)} cannot be read: {error.strerror}") from error


def _refs(value: str | None) -> frozenset[str]:
    return frozenset(ref for ref in (value or "").split(",") if ref)


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or ""
