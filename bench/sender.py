"""A WebSocket server that sends prepared frames as fast as a socket takes them.

It answers the handshake and a join itself, so that it needs nothing that it is measured with, and writes
large blocks of whole frames with one system call each. A client connects to ``/?frames=N&shape=…``, joins
``room:lobby``, pushes the event ``go``, gets N frames and then a close. The shape ``replies`` answers N refs
that were never pushed, from the one that the payload of ``go`` names. For each connection one line of JSON
goes to stdout: the CPU time that the frames took.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
BLOCK_BYTES = 1 << 20
TIMEOUT_S = 120
BODY = '{"at":1700000000,"body":"the quick brown fox jumps","user":"ann"}'


def message(shape: str, join_ref: str) -> str:
    """A text frame's content. Shapes: ``push``, ``broadcast``, a size in bytes such as ``65536``, and
    ``realtime``: a broadcast as Supabase's Phoenix wraps it, in vsn 1.0.0."""
    if shape == "realtime":
        inner = f'{{"event":"new_msg","payload":{BODY},"type":"broadcast"}}'
        return f'{{"event":"broadcast","payload":{inner},"ref":null,"topic":"realtime:lobby"}}'
    if shape == "broadcast":
        return f'[null,null,"room:lobby","new_msg",{BODY}]'
    payload = BODY if shape == "push" else '{"body":"' + "x" * (int(shape) - 50) + '"}'
    return f'["{join_ref}",null,"room:lobby","new_msg",{payload}]'


def reply(join_ref: str, ref: int) -> bytes:
    return server_frame(
        f'["{join_ref}","{ref}","room:lobby","phx_reply",{{"response":{BODY},"status":"ok"}}]'
    )


def server_frame(text: str, opcode: int = 1) -> bytes:
    data = text.encode()
    if len(data) < 126:
        return struct.pack("!BB", 0x80 | opcode, len(data)) + data
    if len(data) < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, len(data)) + data
    return struct.pack("!BBQ", 0x80 | opcode, 127, len(data)) + data


def read_client_frame(stream: BinaryIO) -> tuple[int, bytes]:
    first, second = stream.read(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", stream.read(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", stream.read(8))
    mask = stream.read(4)
    data = stream.read(size)
    return first & 0x0F, bytes(byte ^ mask[index & 3] for index, byte in enumerate(data))


def shake_hands(connection: socket.socket, stream: BinaryIO) -> dict[str, str]:
    """Answer the upgrade; returns the query."""
    target = stream.readline().split()[1].decode()
    key = protocol = ""
    while (line := stream.readline().strip().decode()) != "":
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-key":
            key = value.strip()
        elif name.lower() == "sec-websocket-protocol":
            protocol = value.split(",")[0].strip()
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    chosen = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n".encode()
    )
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))


def await_go(connection: socket.socket, stream: BinaryIO) -> tuple[str, dict[str, int]]:
    """Answer whatever is pushed, until ``go`` is; returns its join_ref and payload."""
    while True:
        opcode, data = read_client_frame(stream)
        if opcode != 1:
            continue
        frame = json.loads(data)
        answer = {"status": "ok", "response": {}}
        if isinstance(frame, dict):
            if frame["event"] == "go":
                return str(frame.get("join_ref")), frame["payload"]
            reply: Any = {**frame, "event": "phx_reply", "payload": answer}
        else:
            join_ref, ref, topic, event, payload = frame
            if event == "go":
                return str(join_ref), payload
            reply = [join_ref, ref, topic, "phx_reply", answer]
        connection.sendall(server_frame(json.dumps(reply)))


def serve(connection: socket.socket) -> dict[str, Any]:
    connection.settimeout(TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    query = shake_hands(connection, stream)
    frames = int(query.get("frames", "0"))
    shape = query.get("shape", "push")
    join_ref, payload = await_go(connection, stream)
    if shape == "replies":
        frame = b"".join(reply(join_ref, ref) for ref in range(payload["first"], payload["first"] + frames))
        whole, rest = 1, 0
    else:
        frame = server_frame(message(shape, join_ref))
        count = max(1, BLOCK_BYTES // len(frame))
        whole, rest = divmod(frames, count)
        rest *= len(frame)
        frame *= count
    block = memoryview(frame)
    cpu_started_s = time.process_time()
    for _ in range(whole):
        connection.sendall(block)
    connection.sendall(block[:rest])
    cpu_s = time.process_time() - cpu_started_s
    connection.sendall(server_frame("", opcode=8))
    connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass
    return {"frames": frames, "cpu_s": cpu_s}


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                try:
                    print(json.dumps(serve(connection)), flush=True)
                except (OSError, ValueError) as error:
                    print(json.dumps({"error": repr(error)}), flush=True)


@dataclass
class Sender:
    """The sender's process, as its user sees it."""

    process: subprocess.Popen[str]
    port: int

    def url(self, frames: int, shape: str = "push") -> str:
        return f"ws://127.0.0.1:{self.port}/socket/websocket?frames={frames}&shape={shape}"

    def result(self) -> dict[str, Any]:
        """Of the connection that has just ended. Raises ``RuntimeError`` where it ended early."""
        assert self.process.stdout is not None
        result: dict[str, Any] = json.loads(self.process.stdout.readline() or '{"error": "it died"}')
        if "error" in result:
            raise RuntimeError(f"the sender failed: {result['error']}")
        return result


@contextlib.contextmanager
def started() -> Iterator[Sender]:
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Sender(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    main()
