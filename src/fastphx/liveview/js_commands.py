"""Commands of ``Phoenix.LiveView.JS``: a JSON list of ``[command, arguments]`` in an attribute.

``push``, ``patch``, ``navigate`` and ``exec`` are run. Classes and attributes are changed to stay, as the
browser keeps them over patches. What only a screen shows (``show``, ``hide``, ``transition``, the focus), or
only JavaScript hears (``dispatch``), is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

import orjson

from fastphx.foreign_text import quoted, visible_repr
from fastphx.liveview.document import Document, Element
from fastphx.liveview.errors import ElementError
from fastphx.liveview.outgoing import Follow, Lasting, Noted, Outgoing

MAX_COMMANDS = 1000
"""So many commands may one action run, those that ``exec`` leads to included, on so many elements."""

MAX_EXEC_DEPTH = 16


class Command(NamedTuple):
    """One of the list."""

    name: str
    arguments: dict[str, Any]


PushCommand = Callable[[Element, dict[str, Any], bool], Iterable[Outgoing]]
"""Runs ``push`` for the element that the commands stand on, with its arguments; True after ``exec``."""


def is_commands(text: str) -> bool:
    """Whether a binding holds commands, and not the name of an event."""
    return text.startswith("[")


def parse(text: str, source: Element) -> list[Command]:
    """The commands of a binding of *source*. Raises ElementError for what is none."""
    try:
        listed = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ElementError(
            f"{source.described()} has JS commands that are no JSON: {quoted(text, 80)}"
        ) from None
    except UnicodeEncodeError:
        raise ElementError(f"{source.described()} has JS commands that are no UTF-8") from None
    if not isinstance(listed, list) or len(listed) > MAX_COMMANDS:
        raise ElementError(f"{source.described()} has no list of at most {MAX_COMMANDS} JS commands")
    commands = []
    for each in listed:
        if not (
            isinstance(each, list)
            and len(each) == 2
            and isinstance(each[0], str)
            and isinstance(each[1], dict)
        ):
            raise ElementError(
                f"{source.described()} has a JS command that is none: {visible_repr(each, 80)}"
            )
        commands.append(Command(each[0], each[1]))
    return commands


class CommandRun:
    """What one action runs. *push* is asked for what ``push`` sends."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MAX_COMMANDS
        self._classes: dict[Element, set[str]] = {}
        self._attributes: dict[Element, dict[str, str | None]] = {}

    def run(self, text: str, source: Element, push: PushCommand, depth: int = 0) -> Iterator[Outgoing]:
        """Run the commands of *source*. Raises ElementError for one that is none, or does not end."""
        if depth > MAX_EXEC_DEPTH:
            raise ElementError(f"the JS commands of {source.described()} run each other without an end")
        for command in parse(text, source):
            for element in self._to(source, command):
                self._left -= 1
                if self._left < 0:
                    raise ElementError(
                        f"the JS commands of {source.described()} are more than {MAX_COMMANDS}"
                    )
                try:
                    yield from self._run(command, source, element, push, depth)
                except (KeyError, TypeError, ValueError, AttributeError):
                    raise ElementError(
                        f"{source.described()} has a JS command that is none: "
                        f"{visible_repr(list(command), 80)}"
                    ) from None

    def _to(self, source: Element, command: Command) -> list[Element]:
        to = command.arguments.get("to")
        if not to:
            return [source]
        if isinstance(to, str):
            return self._document.select(to)
        if isinstance(to, dict) and isinstance(inner := to.get("inner"), str):
            return source.select(inner)
        if isinstance(to, dict) and isinstance(around := to.get("closest"), str):
            matching = set(self._document.select(around))
            return [each for each in source.lineage() if each in matching][:1]
        raise ElementError(f"{source.described()} has a JS command for no element: {visible_repr(to, 80)}")

    def _run(
        self, command: Command, source: Element, element: Element, push: PushCommand, depth: int
    ) -> Iterator[Outgoing]:
        name, arguments = command
        match name:
            case "push":
                yield from push(source, arguments, depth > 0)
            case "patch" | "navigate":
                kind: Literal["patch", "navigate"] = "patch" if name == "patch" else "navigate"
                yield Follow(kind, _text(arguments["href"]), bool(arguments.get("replace")))
            case "exec":
                attribute = _text(arguments["attr"])
                text = element.get(attribute)
                if not text:
                    raise ElementError(f"{element.described()} has no JS commands in {quoted(attribute)}")
                yield from self.run(text, element, push, depth + 1)
            case "add_class" | "remove_class" | "toggle_class":
                yield from self._class(name, element, arguments)
            case "set_attr":
                attribute, value = arguments["attr"]
                yield self._set(element, attribute, value)
            case "remove_attr":
                yield self._set(element, arguments["attr"], None)
            case "toggle_attr":
                attribute, value, *other = arguments["attr"]
                now = self._attribute(element, attribute)
                if now is None:
                    yield self._set(element, attribute, value)
                elif not other:
                    yield self._set(element, attribute, None)
                else:
                    yield self._set(element, attribute, other[0] if now == value else value)
            case _:
                yield Noted(element, name, arguments)

    def _class(self, name: str, element: Element, arguments: dict[str, Any]) -> Iterator[Lasting]:
        now = self._classes.setdefault(element, set((element.get("class") or "").split()))
        names = [_text(each) for each in arguments["names"]]
        added = [each for each in names if each not in now] if name != "remove_class" else []
        removed = [each for each in names if each in now] if name != "add_class" else []
        # What a transition ends with stays, and what it ran with goes.
        run, start, end = arguments.get("transition") or ((), (), ())
        if run:
            added += [_text(each) for each in end if each not in now]
            removed += [_text(each) for each in (*run, *start) if each in now]
        now |= set(added)
        now -= set(removed)
        if removed:
            yield Lasting(element, "remove_class", tuple(removed))
        if added:
            yield Lasting(element, "add_class", tuple(added))

    def _attribute(self, element: Element, name: str) -> str | None:
        changed = self._attributes.get(element, {})
        return changed[name] if name in changed else element.get(name)

    def _set(self, element: Element, name: str, value: str | None) -> Lasting:
        self._attributes.setdefault(element, {})[_text(name)] = value
        if value is None:
            return Lasting(element, "remove_attr", (name,))
        return Lasting(element, "set_attr", (name, str(value)))


def run_binding(source: Element, text: str, push: PushCommand) -> list[Outgoing]:
    """Run a binding of *source*: commands, or an event's name, which is one ``push`` without arguments."""
    if is_commands(text):
        return list(CommandRun(source.document).run(text, source, push))
    return list(push(source, {}, False))


def added_values(value: object) -> dict[str, Any]:
    """The ``value`` of a ``push``. Raises TypeError for one that is no object."""
    if value is not None and not isinstance(value, dict):
        raise TypeError(value)
    return value or {}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
