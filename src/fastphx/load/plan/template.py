"""Text with ``{i}``, ``{i % 100}`` or ``{row.column}`` in it: topics, payloads, parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

import orjson

from fastphx.errors import clip
from fastphx.load.plan.error import PlanError

Names = Mapping[str, int | str | Mapping[str, str]]

# JSON's own braces stay what they are: in JSON an opening brace is never followed by a letter or digit.
_PLACEHOLDER = re.compile(r"\{\s*([A-Za-z0-9_(-][^{}\"]*)\}")
_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')
_MAX_EXPRESSION = 200
_MAX_NUMBER = 1 << 62

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.FloorDiv: lambda left, right: left // right,
    ast.Mod: lambda left, right: left % right,
}


def _check(node: ast.expr, names: frozenset[str], source: str) -> None:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool) and number <= _MAX_NUMBER:
            pass
        case ast.Name(id=name) if name in names:
            pass
        case ast.Attribute(value=ast.Name(id=name), attr=_) if f"{name}." in names:
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
            allowed = ", ".join(f"{name}column" if name.endswith(".") else name for name in sorted(names))
            raise PlanError(f"{{{source}}} is not a placeholder: use {allowed}, whole numbers and + - * // %")


def _value(node: ast.expr, names: Names) -> int | str:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            value = names[name]
            assert isinstance(value, int | str)
            return value
        case ast.Attribute(value=ast.Name(id=name), attr=column):
            row = names[name]
            assert isinstance(row, Mapping)
            if column not in row:
                raise PlanError(f"{name}.{column} is not a column: there are {', '.join(row)}")
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


class Template:
    """A text whose placeholders are filled in per connection (or per push).

    *names* are those that may stand in it; a name that ends with a dot is a row of data, whose columns
    may. A placeholder is a name, or whole-number arithmetic on names (``+ - * // %``). In a text that
    *is_json* what is filled in between quotes is escaped; elsewhere it stands as it is. Raises PlanError.
    """

    __slots__ = ("_parts", "source", "uses")

    def __init__(
        self, source: str, names: frozenset[str] = frozenset({"i"}), *, is_json: bool = False
    ) -> None:
        self.source = source
        self._parts: list[str | _Placeholder] = []
        uses: set[str] = set()
        end = 0
        is_quoted = False
        for match in _PLACEHOLDER.finditer(source):
            expression = match[1].strip()
            if len(expression) > _MAX_EXPRESSION:
                raise PlanError(f"the placeholder {clip(expression)} is longer than {_MAX_EXPRESSION}")
            try:
                node = ast.parse(expression, mode="eval").body
            except (SyntaxError, RecursionError, MemoryError):
                raise PlanError(f"{{{expression}}} is not a placeholder that can be read") from None
            _check(node, names, expression)
            uses |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            text = source[end : match.start()]
            # An odd number of quotes, those that are escaped aside, goes into a JSON string or out of it.
            is_quoted ^= is_json and len(_QUOTE.findall(text)) % 2 == 1
            self._parts += [text, _Placeholder(node, is_quoted)]
            end = match.end()
        self._parts.append(source[end:])
        self.uses = frozenset(uses)
        """The names that stand in it; empty where the text is the same for all."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def render(self, names: Names) -> str:
        """The text with its placeholders filled in. Raises PlanError where a row has no such column."""
        if not self.uses and len(self._parts) == 1:
            return self.source
        return "".join(part if isinstance(part, str) else part.render(names) for part in self._parts)
