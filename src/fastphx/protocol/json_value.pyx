from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE

import json
import math

import orjson


def _finite(str text):
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large for a float")
    return number


def _no_constant(str name):
    raise ValueError(f"{name} is not JSON")


cdef enum:
    # One more than orjson writes: where this stops, orjson would.
    MAX_DEPTH = 255

cdef object _loads = orjson.loads
cdef object _dumps = orjson.dumps
cdef object _decode_exactly = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant).decode


def loads(bytes data not None):
    # orjson always reads it first: it refuses some things that json accepts.
    try:
        value = _loads(data)
    except orjson.JSONDecodeError:
        # For orjson, an integer of more than 308 digits is infinite.
        if not may_hold_long_integer(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)):
            raise
        try:
            value = _loads_exactly(data)
            # json takes half of a surrogate pair for a character.
            json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, RecursionError):
            pass
        raise
    if may_hold_long_integer(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data)):
        value = _loads_exactly(data)
    return value


cdef object _loads_exactly(bytes data):
    text = data.decode("utf-8")
    try:
        return _decode_exactly(text)
    except RecursionError:
        # json goes less deep than orjson, and less yet where it is called deep in a program. The same words.
        raise orjson.JSONDecodeError("depth limit exceeded", text, 0) from None


def dumps(value, option=None):
    try:
        return _dumps(value, None, option)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
    return _dumps(_with_fragments(value, MAX_DEPTH), None, option)


cdef object _with_fragments(object value, int depth):
    """*value*, with each integer that orjson refuses replaced by its JSON. Compiled code may not recurse
    further than the stack is long, and a list may be in itself."""
    if type(value) is int:
        return value if -(1 << 63) <= value < (1 << 64) else orjson.Fragment(str(value).encode())
    if depth == 0:
        raise TypeError("Recursion limit reached")
    if isinstance(value, dict):
        return {key: _with_fragments(each, depth - 1) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_fragments(each, depth - 1) for each in value]
    return value
