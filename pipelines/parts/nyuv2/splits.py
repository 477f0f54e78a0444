"""splits.mat of NYUv2: two columns of frame numbers in a MATLAB level 5 file.

Level 5 is not HDF5, so this reads what such a file holds and no more: named matrices of real
numbers, each perhaps deflated. Source: MathWorks, "MAT-File Format", chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import SourceError

HEADER = 128
LARGEST = 1 << 20  # bytes, also when inflated
MATRIX, COMPRESSED = 14, 15
NUMBERS = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4"},
    **{7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
COLUMNS = {"train": "trainNdxs", "test": "testNdxs"}


def splits(data: bytes, file: str, count: int) -> dict[str, frozenset[int]]:
    """Split -> numbers of its frames, counted from 1.

    file: the name for messages; count: how many frames there are. Raises SourceError if the file
    has no such splits.
    """
    try:
        matrices = dict(_matrices(data))
    except (struct.error, zlib.error, ValueError, KeyError, TypeError) as err:
        raise SourceError(f"{file}: not the MATLAB level 5 file that it should be: {err}") from err
    if missing := sorted(set(COLUMNS.values()) - matrices.keys()):
        names = ", ".join(sorted(matrices)) or "nothing"
        raise SourceError(f"{file}: no {missing[0]}, found {names}")
    frames = {split: _frames(matrices[name], name, file, count) for split, name in COLUMNS.items()}
    if both := sorted(frames["train"] & frames["test"]):
        raise SourceError(f"{file}: frame {both[0]} is in train and in test")
    return frames


def _frames(column: NDArray[np.generic], name: str, file: str, count: int) -> frozenset[int]:
    numbers = column.astype(np.float64)
    wrong = ~((numbers >= 1) & (numbers <= count) & (numbers == np.floor(numbers)))
    if wrong.any() or len(np.unique(numbers)) != numbers.size:
        found = f"{numbers[wrong][0]:g}" if wrong.any() else "some twice"
        raise SourceError(f"{file}: {name} should be frames from 1 to {count}, found {found}")
    return frozenset(numbers.astype(np.int64).tolist())


def _matrices(data: bytes) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """(name, values) of the matrices in a file. Garbled bytes raise ValueError and the like."""
    if len(data) < HEADER or len(data) > LARGEST or data[126:128] not in (b"IM", b"MI"):
        raise ValueError(f"{len(data)} bytes that start {data[:20]!r}")
    order = "<" if data[126:128] == b"IM" else ">"
    for kind, body in _elements(data[HEADER:], order):
        if kind == COMPRESSED:
            inner = zlib.decompressobj().decompress(body, LARGEST)
            kind, body = next(_elements(inner, order), (0, b""))
        if kind == MATRIX:
            parts = list(_elements(body, order))  # flags, dimensions, name, real part
            name, (stored, values) = parts[2][1].decode("ascii", "replace"), parts[3]
            yield name, np.frombuffer(values, order + NUMBERS[stored])


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """(type, body) of elements that follow one another, in a byte order of struct's."""
    tag = 0  # where an element's tag begins
    while tag + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, tag)
        start = tag + 8
        if kind >> 16:  # a small element: its size shares a word with its type
            kind, size, start = kind & 0xFFFF, kind >> 16, tag + 4
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes at byte {tag} of {len(data)}")
        yield kind, data[start : start + size]
        tag = max(start + size, tag + 8)
        tag += 0 if kind == COMPRESSED else -tag % 8
