"""One sample of a finished shard, by its place: its offsets and its members, two range reads.

The counterpart of `tar`, which writes them; works alike on a disk and on an object store.
"""

from __future__ import annotations

import struct

from vbdata.errors import BuildError
from vbdata.layout import offsets_path
from vbdata.shard.tar import BLOCK, header
from vbdata.storage.folder import MAX_FILE, Folder

OFFSET = struct.calcsize("<Q")


def read_sample(out: Folder, tar: str, slot: int, key: str) -> dict[str, bytes]:
    """The members, by extension, of the sample at a place in a shard, counted from 0.

    Raises BuildError if the shard or its offsets are not those of the build; BadSample("missing").
    """
    pair = out.read_range(offsets_path(tar), slot * OFFSET, 2 * OFFSET)
    first, end = struct.unpack("<2Q", pair) if len(pair) == 2 * OFFSET else (0, 0)
    if not first < end <= first + MAX_FILE:
        raise BuildError(f"{tar}.idx has no place of {key}; run vbdata verify")
    return split_sample(out.read_range(tar, first, end - first), key, tar)


def split_sample(data: bytes, key: str, tar: str) -> dict[str, bytes]:
    """The members of one sample, by extension, from its bytes in the tar.

    Raises BuildError if they are not that sample's, or cut short.
    """
    parts: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        block = data[at : at + BLOCK]
        name = block[:100].rstrip(b"\0").decode("ascii", "replace")
        field = block[124:135]
        size = int(field, 8) if field.isdigit() else -1
        found, _, extension = name.partition(".")
        at += BLOCK + size + -size % BLOCK
        if found != key or size < 0 or at > len(data) or block != _header(name, size):
            raise BuildError(f"{tar}: {key} is not where the index says; run vbdata verify")
        start = at - size - -size % BLOCK
        parts[extension] = data[start : start + size]
    return parts


def _header(name: str, size: int) -> bytes:
    try:
        return header(name, size)
    except ValueError:  # a name that is none of ours
        return b""
