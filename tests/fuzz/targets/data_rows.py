"""The rows of a CSV or NDJSON file, and templates that are filled in with them."""

from __future__ import annotations

from collections.abc import Iterable

from fastphx.load.plan.error import PlanError
from fastphx.load.plan.payload import PAYLOAD_NAMES, json_value
from fastphx.load.plan.rows import _read_rows, read_rows
from fastphx.load.plan.template import NAMES, Template
from tests.fuzz.memory_file import MemoryFile
from tests.fuzz.pieces import JSON, NOT_UTF8
from tests.fuzz.steps import BETWEEN

PIECES = (
    *(
        *JSON,
        *NOT_UTF8,
        BETWEEN,
        b",",
        b"\r\n",
        b'""',
        b"{i}",
        b"{row.a}",
        b'{row["a b"]}',
        b"{{i}}",
        b"{n % 3}",
    ),
    *(
        b"{i // 0}",
        b"{-i}",
        b"{i ** 2}",
        b"{i * i * i}",
        b'\\"{row.a}\\"',
        b"{t + 1}",
        b"{row",
        b"}",
        b"{",
        b"\xef\xbb\xbf",
    ),
)
MAX_BYTES = 1024
FILES = {False: MemoryFile("rows.csv"), True: MemoryFile("rows.ndjson")}


def seeds() -> Iterable[bytes]:
    templates = (
        b"room:{i % 3}",
        b'{"a":"{row.a}","b":{n}}',
        b'{row["a b"]} {{i}} {x} {',
        b'{"q":"\\"{i}\\""}',
    )
    for template in templates:
        for file in (b'a,"a b"\n1,2\n"x\ny",\n', b"a\n", b'{"a":1,"a b":"c"}\n\n{"a":[1,{"b":null}]}\n', b""):
            for kind in (b"c", b"j"):
                yield kind + template + BETWEEN + file

    yield b"j{row.a}" + BETWEEN + b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"


def check(data: bytes) -> None:
    source, _, file = data[1:].partition(BETWEEN)
    # Another file of the same size may be as new as the one before it.
    _read_rows.cache_clear()
    try:
        rows = read_rows(FILES[data[:1] == b"j"].holding(file))
    except PlanError as error:
        assert str(error).isprintable()
        rows = ({},)
    for row in rows:
        assert all(isinstance(text, str) for item in row.items() for text in item)
    text = source.decode("utf-8", "surrogateescape")
    for is_json, names in ((True, PAYLOAD_NAMES), (False, NAMES)):
        try:
            template = Template(text, names, is_json=is_json)
            for number, row in enumerate(rows[:3]):
                given = {"i": number, "n": 7 * number, "t": 1 << 40, "row": row}
                filled = template.render({name: given[name] for name in names})  # type: ignore[dict-item]
                if not template.uses:
                    assert filled == template.render({})
                if is_json:
                    json_value(filled, "payload")
        except PlanError as error:
            assert "\n" not in str(error)
