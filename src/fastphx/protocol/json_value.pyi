from typing import Any

def loads(data: bytes) -> Any:
    """The value of JSON. Its integers are exact, up to the 4,300 digits that Python reads. Raises
    orjson.JSONDecodeError: with a long integer in it, JSON that is nested a thousand deep is too deep."""

def dumps(value: Any, option: int | None = None) -> bytes:
    """*value* as JSON, with integers of any size. Raises TypeError, as orjson does."""
