"""Numbers as Parquet packs them: structs of Thrift's compact protocol, and runs of few bits.

Only the types that page headers and footers use are read. Every function raises ValueError or
IndexError for bytes that are not of its form. Sources: apache/thrift (doc/specs, on the compact
protocol); apache/parquet-format (Encodings.md, RLE/bit-packing hybrid).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BOOLEANS = {1: True, 2: False}  # field types that are their own value
BYTE, WHOLE, DOUBLE = 3, (4, 5, 6), 7  # field types: one byte, integers, a float of eight bytes
BINARY, LISTS, STRUCT = 8, (9, 10), 12  # bytes; lists and sets; struct
DEEPEST = 8  # structs in structs
WIDEST = 32  # bits of a number in a run


def hybrid(data: memoryview, width: int, count: int) -> NDArray[np.int64]:
    """`count` numbers of `width` bits each, int64[count], from Parquet's hybrid of two encodings.

    A run starts with a varint. Its lowest bit says what follows: 0, one value that is repeated;
    1, groups of eight values packed bit by bit, the lowest first. The rest of it counts values or
    groups.
    """
    if width > WIDEST:
        raise ValueError(f"numbers of {width} bits")
    numbers = np.zeros(count, np.int64)
    done = start = 0
    while done < count:
        run, start = varint(data, start)
        length = (run >> 1) * (8 if run & 1 else 1)
        size = (run >> 1) * width if run & 1 else (width + 7) // 8
        # the last group of eight may be filled up with values that nobody asked for
        if not 0 < length < count - done + 8 or start + size > len(data):
            raise ValueError(f"a run of {length} in {len(data) - start} bytes")
        part = data[start : start + size]
        fill = slice(done, done + length)
        if run & 1:
            digits = np.unpackbits(np.frombuffer(part, np.uint8), bitorder="little")
            packed = digits.reshape(length, width) @ (1 << np.arange(width))
            numbers[fill] = packed[: count - done]
        else:
            numbers[fill] = int.from_bytes(part, "little")
        done, start = done + length, start + size
    return numbers


def struct(data: bytes, start: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The struct that begins at a byte, as {number of a field: value}, and where it ends.

    A field starts with a byte: its type, and above it the difference to the number of the field
    before, 0 if the number itself follows. A zero byte ends the struct.
    """
    fields: dict[int, Any] = {}
    number = 0
    if depth > DEEPEST:
        raise ValueError("structs too deep")
    while head := data[start]:
        start += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            number, start = _zigzag(data, start)
        fields[number], start = _field(data, start, kind, depth)
    return fields, start + 1


def _field(data: bytes, start: int, kind: int, depth: int) -> tuple[Any, int]:
    """The value of a field of a type, and where it ends."""
    if kind in BOOLEANS:
        return BOOLEANS[kind], start
    if kind in WHOLE:
        return _zigzag(data, start)
    if kind == BINARY:
        size, start = varint(data, start)
        return data[start : start + size], start + size
    if kind == STRUCT:
        return struct(data, start, depth + 1)
    if kind in LISTS:
        return _list(data, start, depth)
    if kind == BYTE:
        return data[start], start + 1
    if kind == DOUBLE:
        return data[start : start + 8], start + 8
    raise ValueError(f"a field of type {kind}")


def _list(data: bytes, start: int, depth: int) -> tuple[list[Any], int]:
    """A list or set, and where it ends: its length and type in a byte, longer ones in a number."""
    count, kind = data[start] >> 4, data[start] & 15
    start += 1
    if count == 15:
        count, start = varint(data, start)
    values = []
    for _ in range(count):
        if kind in BOOLEANS:  # in a list a byte each
            value, start = data[start] == 1, start + 1
        else:
            value, start = _field(data, start, kind, depth)
        values.append(value)
    return values, start


def _zigzag(data: bytes, start: int) -> tuple[int, int]:
    """A signed number, stored as 0, -1, 1, -2, ... counted from 0, and where it ends."""
    value, start = varint(data, start)
    return value >> 1 ^ -(value & 1), start


def varint(data: bytes | memoryview, start: int) -> tuple[int, int]:
    """An unsigned number in groups of seven bits, the lowest first, and where it ends.

    The eighth bit of a byte says that another follows. At most ten bytes: 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        value |= (data[start] & 127) << shift
        start += 1
        if data[start - 1] < 128:
            return value, start
    raise ValueError("a number of more than ten bytes")
