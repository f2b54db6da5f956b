"""Text with ``{i}``, ``{i % 100}`` or ``{row.column}`` in it: topics, payloads, parameters.

A placeholder is ``{…}`` whose inside is whole-number arithmetic (``+ - * // %``) over the names ``i``, ``n``,
``t`` and the columns of a row of data: ``row.name``, or ``row["user name"]`` for any name. Everything else is
text, braces included, so that JSON and GraphQL stay what they are. ``{{i}}`` is the text ``{i}``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping

import orjson

from fastphx.errors import clip
from fastphx.foreign_text import visible
from fastphx.load.plan.error import PlanError

Names = Mapping[str, int | str | Mapping[str, str]]

NAMES = frozenset({"i", "n", "t", "row"})
"""All that may stand in a placeholder; a template says which of them it has."""
MAX_EXPRESSION_CHARS = 200

# Braces within the quotes of a column's name are part of it; the quotes may be escaped, as within JSON.
_INSIDE = re.compile(r"""(?:[^{}"'\\]|\\?"[^"\\]*\\?"|'[^'\\]*')*""")
_NAME = re.compile(r"\b(?:i|n|t|row)\b")
_COLUMN = re.compile(r"\brow\.([^\W\d]\w*)")
_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')
_MAX_NUMBER = 1 << 62

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
}


def _expression(inside: str) -> ast.expr | None:
    """*inside* as an expression over :data:`NAMES`; None if it is none, and so is text."""
    if len(inside) > MAX_EXPRESSION_CHARS or _NAME.search(inside) is None:
        return None
    # A column may have the name of one of Python's keywords.
    source = _COLUMN.sub(r'row["\1"]', inside.replace('\\"', '"')).strip()
    try:
        node = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return node if _is_over_names(node) else None


def _is_over_names(node: ast.expr) -> bool:
    """Whether it is built of :data:`NAMES`, numbers and operators alone, and has one of the names in it."""
    has_name = False
    for part in ast.walk(node):
        match part:
            case ast.Name(id=name):
                if name not in NAMES:
                    return False
                has_name = True
            case ast.Subscript(value=ast.Name(id="row"), slice=ast.Constant(value=str())):
                pass
            case ast.Constant(value=int() | float() | str()) | ast.BinOp() | ast.UnaryOp():
                pass
            case ast.operator() | ast.unaryop() | ast.expr_context():
                pass
            case _:
                return False
    return has_name


def _check(node: ast.expr, names: frozenset[str], source: str) -> None:
    """Raises PlanError if the expression cannot be worked out with *names*."""
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool) and number <= _MAX_NUMBER:
            pass
        case ast.Name(id=name) if name in names and name != "row":
            pass
        case ast.Subscript() if "row" in names:
            pass
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand, names, source)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            if isinstance(op, ast.Mod | ast.FloorDiv) and not (
                isinstance(right, ast.Constant) and right.value
            ):
                raise PlanError(f"{clip(source)} must be divided by a number other than 0")
            _check(left, names, source)
            _check(right, names, source)
        case _:
            known = ", ".join("row.column" if name == "row" else name for name in sorted(names))
            shown = visible(source)
            raise PlanError(
                f"{{{shown}}} cannot be filled in here: use {known}, whole numbers and + - * // %, "
                f"or write {{{{{shown}}}}} for the text itself"
            )


def _value(node: ast.expr, names: Names) -> int | str:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            value = names[name]
            assert isinstance(value, int | str)
            return value
        case ast.Subscript(slice=ast.Constant(value=str(column))):
            row = names["row"]
            assert isinstance(row, Mapping)
            if column not in row:
                there = visible(", ".join(row)) or "none"
                raise PlanError(f"row.{visible(column)} is not a column: there are {there}")
            return row[column]
        case ast.UnaryOp(operand=operand):
            return -_number(operand, names)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_number(left, names), _number(right, names))
    raise AssertionError("checked when the template was made")


def _number(node: ast.expr, names: Names) -> int:
    value = _value(node, names)
    try:
        return int(value)
    except ValueError:
        raise PlanError(
            f"{clip(str(value))} is not a whole number, so it cannot be calculated with"
        ) from None


class _Placeholder:
    """One placeholder of a template; *is_quoted*: it stands in a JSON string."""

    __slots__ = ("_is_quoted", "_node")

    def __init__(self, node: ast.expr, is_quoted: bool) -> None:
        self._node = node
        self._is_quoted = is_quoted

    def render(self, names: Names) -> str:
        value = _value(self._node, names)
        if self._is_quoted and isinstance(value, str):
            return orjson.dumps(value)[1:-1].decode()
        return str(value)


def _parts(source: str) -> Iterator[str | tuple[str, ast.expr]]:
    """The texts and the placeholders (their source and expression) of *source*, in turn."""
    text_from = at = 0
    while (at := source.find("{", at)) >= 0:
        is_doubled = source.startswith("{{", at)
        inside = _INSIDE.match(source, at + 1 + is_doubled, at + 2 + is_doubled + MAX_EXPRESSION_CHARS)
        assert inside is not None
        closing = "}}" if is_doubled else "}"
        node = _expression(inside[0]) if source.startswith(closing, inside.end()) else None
        if node is None:
            at += 1
            continue
        yield source[text_from:at]
        at = text_from = inside.end() + len(closing)
        yield f"{{{inside[0]}}}" if is_doubled else (inside[0].strip(), node)
    yield source[text_from:]


class Template:
    """A text whose placeholders are filled in per connection (or per push).

    *names* (of :data:`NAMES`) are those that may stand in it. In a text that *is_json* what is filled in
    between quotes is escaped; elsewhere it stands as it is. Raises PlanError if a placeholder uses another
    name, or what is not whole-number arithmetic.
    """

    __slots__ = ("_parts", "source", "uses")

    def __init__(
        self, source: str, names: frozenset[str] = frozenset({"i"}), *, is_json: bool = False
    ) -> None:
        self.source = source
        self._parts: list[str | _Placeholder] = []
        uses: set[str] = set()
        is_quoted = False
        for part in _parts(source):
            if isinstance(part, str):
                # An odd number of quotes, those that are escaped aside, goes into a JSON string or out of it.
                is_quoted ^= is_json and len(_QUOTE.findall(part)) % 2 == 1
                self._parts.append(part)
                continue
            expression, node = part
            _check(node, names, expression)
            uses |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            self._parts.append(_Placeholder(node, is_quoted))
        self.uses = frozenset(uses)
        """The names that stand in it; empty if the text is the same for all."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def render(self, names: Names) -> str:
        """The text with its placeholders filled in. Raises PlanError if a row has no such column."""
        return "".join(part if isinstance(part, str) else part.render(names) for part in self._parts)
