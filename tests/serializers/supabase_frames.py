"""What Supabase Realtime does to the frames of what is broadcast, as its V2Serializer does it.

A *content* is what stands in the frames of either side from the event's length on: the lengths of event and
metadata, the encoding, and then event, metadata and payload.
"""

from __future__ import annotations


def read_push(frame: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """A client's frame of kind 3: join_ref, ref, topic, and its content."""
    kind, join_ref_size, ref_size, topic_size = frame[:4]
    assert kind == 3
    ref_start = 7 + join_ref_size
    topic_start = ref_start + ref_size
    topic_end = topic_start + topic_size
    content = frame[4:7] + frame[topic_end:]
    return frame[7:ref_start], frame[ref_start:topic_start], frame[topic_start:topic_end], content


def broadcast_frame(topic: bytes, content: bytes) -> bytes:
    """A server's frame of kind 4."""
    return bytes((4, len(topic))) + content[:3] + topic + content[3:]


def sent_on(frame: bytes) -> bytes:
    """What all others get of a client's frame of kind 3."""
    *_, topic, content = read_push(frame)
    return broadcast_frame(topic, content)
