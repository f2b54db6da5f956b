"""Handing a counted histogram to the ``hdrhistogram`` package; and the text that keeps it: HdrHistogram's V2
compressed encoding, as base64.

Source: HdrHistogram's AbstractHistogram, ``encodeIntoCompressedByteBuffer``.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from base64 import b64decode
from collections.abc import Mapping

from fastphx.load.result.abstract_histogram import HIGHEST_NS, LOWEST_NS, AbstractHistogram
from fastphx.load.result.error import ResultError

with warnings.catch_warnings():
    # Python 3.14 warns of how hdrhistogram 0.10.8 lays out its header, which no user can mend.
    warnings.filterwarnings("ignore", "Due to '_pack_'", DeprecationWarning)
    from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

DIGITS = 3
"""Of a latency of the whole run."""
_OUTER_BYTES = 8
"""Cookie and length, before what is compressed."""
_HEADER = struct.Struct(">4x4x4xIQQ8x")
"""In what is compressed, before the counts: of cookie, length and offset nothing, then the digits, the lowest
and the highest value, and the ratio."""
_MAX_COUNT_BYTES = 9


def to_hdr(histogram: AbstractHistogram) -> HdrHistogram:
    """The same counts as an ``HdrHistogram`` of nanoseconds."""
    hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, histogram.significant_digits)
    counts = histogram.export()["counts"]
    for index, count in zip(counts[::2], counts[1::2], strict=True):
        hdr.record_value(hdr.get_value_from_index(index), count)
    if counts:
        hdr.min_value = histogram.min_ns
        hdr.max_value = histogram.max_ns
    return hdr


def encode(histogram: AbstractHistogram) -> str:
    """A histogram as text: V2 compressed, in base64."""
    encoded: bytes = to_hdr(histogram).encode()
    return encoded.decode("ascii")


def decode(text: str, figures: Mapping[str, float]) -> HdrHistogram:
    """The histogram of nanoseconds whose :func:`encode` gave *text*; *figures* is its `latency_mapping`,
    which has the exact least and greatest value. Raises ResultError where the two are not of the same
    histogram, or the text is none of a latency of a run."""
    try:
        packed = b64decode(text, validate=True)
        empty = HdrHistogram(LOWEST_NS, HIGHEST_NS, DIGITS)
        # The package inflates whatever it is given, however long that is.
        inflating = zlib.decompressobj()
        most = _HEADER.size + _MAX_COUNT_BYTES * empty.counts_len
        head = inflating.decompress(packed[_OUTER_BYTES:], most)
        is_whole = inflating.eof and not inflating.unused_data
        if not is_whole or _HEADER.unpack_from(head) != (DIGITS, LOWEST_NS, HIGHEST_NS):
            raise ValueError("it has other bounds")
        hdr = HdrHistogram.decode(packed[_OUTER_BYTES:], b64_wrap=False)
        if hdr.total_count != figures["count"] or any(count < 0 for count in hdr.counts):
            raise ValueError("it has another count")
        if sum(hdr.counts) != hdr.total_count:
            raise ValueError("its counts are too many")
        hdr.min_value, hdr.max_value = (round(1e9 * figures[name]) for name in ("min", "max"))
    except Exception as error:
        # What the package raises has no class in common.
        raise ResultError(f"a histogram cannot be read ({error})") from None
    return hdr
