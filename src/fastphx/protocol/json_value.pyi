from typing import Any

def loads(data: bytes) -> Any:
    """The value of JSON, its integers exact, up to the 4,300 digits that Python reads. Raises
    orjson.JSONDecodeError, and RecursionError for what holds a long integer and is nested a thousand deep."""

def dumps(value: Any, option: int | None = None) -> bytes:
    """*value* as JSON, an integer of any size among it. Raises TypeError as orjson does."""
