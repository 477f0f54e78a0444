"""MATLAB's MAT-files of version 5: the numeric arrays of a struct, and nothing else.

A file is a header of 128 bytes and elements, each a tag (type, size) and data, to a multiple of 8
bytes; a small element has both in 8 bytes. An element is an array, or one that zlib has packed. An
array has flags, dimensions, a name, and its values, down the columns; a struct of one place has the
names of its fields and an array for each. Cells, sparse arrays, texts and objects are passed over.

Source: MathWorks, "MAT-File Format" (matfile_format.pdf), chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

HEADER = 128
MOST = 1 << 28  # bytes that an element may unpack to
MATRIX, COMPRESSED = 14, 15
STRUCT = 2
NUMBERS = {  # types of data
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
NUMERIC = range(6, 16)  # classes of arrays that are neither cell, struct, object, text nor sparse


def fields(data: bytes, name: str, path: str) -> dict[str, NDArray[np.generic]]:
    """The numeric fields of a struct of one place, each an array of its dimensions.

    name: of the struct in the file; path: the file's, for messages. Raises BadSample.
    """
    if len(data) < HEADER:
        raise BadSample("truncated", f"{len(data)} bytes, a MAT-file has {HEADER} at least", path)
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise BadSample("undecodable", "not a MAT-file of version 5", path)
    try:
        for kind, body in _elements(data[HEADER:], order):
            if kind == COMPRESSED:
                ((kind, body),) = _elements(_unpacked(body, path), order)
            if kind == MATRIX and (found := _struct(body, order, name)) is not None:
                return found
    except (struct.error, zlib.error, ValueError, IndexError, UnicodeDecodeError) as err:
        raise BadSample("undecodable", f"a damaged MAT-file: {err!s:.100}", path) from err
    raise BadSample("garbled annotation", f"no struct {name!r} of one place", path)


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """(type, data) of elements that follow one another. Raises ValueError, struct.error."""
    start = 0
    while start < len(data):
        kind, size = struct.unpack_from(f"{order}2I", data, start)
        if kind >> 16:
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, start + 4, start + 8
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        else:
            begin = start + 8
            end = begin + size + (0 if kind == COMPRESSED else -size % 8)
        if begin + size > len(data):
            raise ValueError(f"an element of {size} bytes leads beyond the end")
        yield kind, data[begin : begin + size]
        start = end


def _unpacked(body: bytes, path: str) -> bytes:
    packed = zlib.decompressobj()
    data = packed.decompress(body, MOST)
    if packed.unconsumed_tail:
        raise BadSample("too large", f"an element unpacks to more than {MOST} bytes", path)
    return data


def _struct(body: bytes, order: str, name: str) -> dict[str, NDArray[np.generic]] | None:
    """The numeric fields of an array, if it is a struct of that name and of one place."""
    flags, dims, own, *rest = (data for _, data in _elements(body, order))
    kind = struct.unpack_from(f"{order}I", flags)[0] & 255
    if kind != STRUCT or own.decode("ascii") != name or _shape(dims, order) != (1, 1):
        return None
    length = struct.unpack_from(f"{order}I", rest[0])[0]
    if not length:
        raise ValueError("names of fields without a length")
    names = [rest[1][k : k + length] for k in range(0, len(rest[1]), length)]
    texts = [each.partition(b"\0")[0].decode("ascii") for each in names]
    arrays = ((text, _array(each, order)) for text, each in zip(texts, rest[2:], strict=True))
    return {text: array for text, array in arrays if array is not None}


def _array(body: bytes, order: str) -> NDArray[np.generic] | None:
    """A numeric array of real numbers, None for any other."""
    parts = list(_elements(body, order))
    if len(parts) < 4:
        return None
    (_, flags), (_, dims), _, (kind, values) = parts[:4]
    if struct.unpack_from(f"{order}I", flags)[0] & 255 not in NUMERIC or kind not in NUMBERS:
        return None
    found = np.frombuffer(values, np.dtype(order + NUMBERS[kind]))
    return found.reshape(_shape(dims, order), order="F")


def _shape(dims: bytes, order: str) -> tuple[int, ...]:
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    if min(shape, default=-1) < 0 or np.prod(shape, dtype=np.float64) > MAX_PIXELS:
        raise ValueError(f"an array of {shape}")
    return shape
