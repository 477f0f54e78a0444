"""What a root says of a file in the answer that has its bytes: its size, a tag of its content."""

from __future__ import annotations

from typing import NamedTuple

UNKNOWN = -1  # the size of a file of which a range was read: to ask would be another request
LARGEST = 16 << 20  # bytes that are copied to say so: labels and pictures are smaller


class Listed(NamedTuple):
    """A line of a store's listing.

    path: in its filesystem; size: in bytes, -1 for a folder; tag: as in core.types.FileRef.
    """

    path: str
    size: int
    tag: str = ""


class Told(bytes):
    """Bytes of a file. size: of the whole file, -1 if unknown; tag: as in core.types.FileRef."""

    size: int
    tag: str


def told(data: bytes | memoryview, size: int, tag: str = "") -> bytes:
    """The bytes as Told, or as they are if there is much of them."""
    if len(data) > LARGEST:
        return bytes(data)
    answer = Told(data)
    answer.size, answer.tag = size, tag
    return answer
