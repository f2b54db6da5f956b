"""What inputs of several targets are made of."""

from __future__ import annotations

JSON = (
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b" ", b"\t", b"\n", b"0", b"-", b"1.5", b"1e5", b"-0"),
    *(b"null", b"true", b"false", b"NaN", b"Infinity", b'""', b"{}", b"[]", b'"\\u0000"', b'"\\ud800"'),
    *(b'"\\ud83d\\ude00"', b"\\u00e9", "é".encode(), "😀".encode(), "\ufeff".encode(), "\u2028".encode()),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"18446744073709551615"),
    *(b"18446744073709551616", b"1" * 310, b"1e999", b"[" * 200, b'{"a":' * 40),
)
"""JSON, its edges, and what is nearly JSON."""

NOT_UTF8 = (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98", b"\x00")

PHOENIX = (
    *(b"phoenix", b"heartbeat", b"phx_join", b"phx_leave", b"phx_reply", b"phx_close", b"phx_error"),
    *(b'"status":"ok"', b'"status":"error"', b',"status":"ok"}', b'{"response":{},"status":"ok"}'),
    *(
        b'"response":',
        b'"reason":',
        b"room:a",
        b"room:b",
        b'"1"',
        b'"2"',
        b'"3"',
        b'"01"',
        b'"1","1","room:a",',
    ),
)
