"""Numbers as Parquet packs them: Thrift's compact structs, and runs of few bits.

Every function raises ValueError or IndexError where the bytes are none of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BOOLEANS = {1: True, 2: False}  # types of Thrift that are their own value
WHOLE, BINARY, STRUCT = (4, 5, 6), 8, 12
DEEPEST = 8  # structs in structs
WIDEST = 32  # bits


def hybrid(data: memoryview, width: int, count: int) -> NDArray[np.int64]:
    """`count` numbers of `width` bits, in runs of one value or packed in groups of eight."""
    if width > WIDEST:
        raise ValueError(f"numbers of {width} bits")
    found = np.zeros(count, np.int64)
    done = at = 0
    while done < count:
        run, at = varint(data, at)
        length = (run >> 1) * (8 if run & 1 else 1)
        size = (run >> 1) * width if run & 1 else (width + 7) // 8
        if not 0 < length < count - done + 8 or at + size > len(data):
            raise ValueError(f"a run of {length} in {len(data) - at} bytes")
        part = data[at : at + size]
        fill = slice(done, done + length)
        if run & 1:
            digits = np.unpackbits(np.frombuffer(part, np.uint8), bitorder="little")
            packed = digits.reshape(length, width) @ (1 << np.arange(width))
            found[fill] = packed[: count - done]
        else:
            found[fill] = int.from_bytes(part, "little")
        done, at = done + length, at + size
    return found


def struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A struct as numbers of fields -> values, and where it ends."""
    found: dict[int, Any] = {}
    number = 0
    if depth > DEEPEST:
        raise ValueError("structs too deep")
    while head := data[at]:
        at += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at)
        found[number], at = _field(data, at, kind, depth)
    return found, at + 1


def _field(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in BOOLEANS:
        return BOOLEANS[kind], at
    if kind in WHOLE:
        return _zigzag(data, at)
    if kind == BINARY:
        size, at = varint(data, at)
        return data[at : at + size], at + size
    if kind == STRUCT:
        return struct(data, at, depth + 1)
    raise ValueError(f"a field of type {kind}")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at


def varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """An unsigned number in groups of seven bits, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a number of more than ten bytes")
