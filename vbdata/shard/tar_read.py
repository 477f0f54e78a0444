"""One sample of a finished shard, read by range: its offsets, then its members.

The counterpart of `tar`, which writes them; it works the same on a disk and on an object store.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BuildError
from vbdata.layout import offsets_path
from vbdata.shard.tar import BLOCK, parse_header
from vbdata.storage.folder import Folder
from vbdata.storage.root import MAX_FILE

OFFSET = struct.calcsize("<Q")
END = 2 * BLOCK  # bytes of zeros that close an archive

Offsets = NDArray[np.uint64]


def parse_offsets(packed: bytes, samples: int, size: int | None = None) -> Offsets:
    """uint64[samples + 1]: where each sample of a tar begins, then where the last one ends.

    size: bytes of the tar, where they are known. Raises ValueError for what cannot be the offsets
    of so many samples.
    """
    wanted = OFFSET * (samples + 1)
    if len(packed) != wanted:
        raise ValueError(f"{len(packed)} bytes, {wanted} for {samples} samples")
    offsets = np.frombuffer(packed, "<u8")
    rising = bool((offsets[1:] > offsets[:-1]).all()) and not (offsets % BLOCK).any()
    ends = size is None or int(offsets[-1]) == size - END
    if offsets[0] or not rising or not ends:
        inside = "" if size is None else f" in {size} bytes"
        raise ValueError(f"no offsets of {samples} samples{inside}")
    return offsets


def read_offsets(out: Folder, tar: str, samples: int, size: int | None = None) -> Offsets:
    """The offsets of a shard's samples, as `parse_offsets` gives them.

    Raises ValueError for damaged ones, BadSample("missing"), OSError.
    """
    path = offsets_path(tar)
    try:
        return parse_offsets(out.read(path), samples, size)
    except ValueError as err:
        raise ValueError(f"{path}: {err}") from err


def read_sample(out: Folder, tar: str, slot: int, key: str) -> dict[str, bytes]:
    """The members, by extension, of the sample in a slot of a shard, counted from 0.

    Takes two requests, however long the shard is. Raises BuildError if tar or offsets are not
    those of the build, BadSample("missing") if one of them is not there.
    """
    pair = out.read_range(offsets_path(tar), slot * OFFSET, 2 * OFFSET)
    first, end = struct.unpack("<2Q", pair) if len(pair) == 2 * OFFSET else (0, 0)
    return read_between(out, tar, first, end, key)


def read_between(out: Folder, tar: str, first: int, end: int, key: str) -> dict[str, bytes]:
    """The members, by extension, of the sample in bytes `first` to `end` of a tar.

    Raises BuildError if another sample, or none, lies there; BadSample("missing").
    """
    if not first < end <= first + MAX_FILE:
        raise BuildError(f"{offsets_path(tar)} has no place of {key}; run vbdata verify")
    data = out.read_range(tar, first, end - first)
    if len(data) != end - first:
        raise BuildError(f"{tar}: ends before {key} does; run vbdata verify")
    return split_sample(data, key, tar)


def split_sample(data: bytes, key: str, tar: str) -> dict[str, bytes]:
    """The members of one sample, by extension, from its bytes in the tar.

    Raises BuildError if they are not that sample's, or cut short.
    """
    parts: dict[str, bytes] = {}
    offset = 0
    while offset < len(data):
        start = offset + BLOCK
        try:
            name, size = parse_header(data[offset:start])
        except ValueError:
            name, size = "", 0
        owner, _, extension = name.partition(".")
        offset = start + size + -size % BLOCK
        if owner != key or offset > len(data):
            raise BuildError(f"{tar}: {key} is not where the index says; run vbdata verify")
        parts[extension] = data[start : start + size]
    return parts
