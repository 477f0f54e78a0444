"""MAT: numeric arrays of MATLAB's level 5 files (-v6, -v7), as scipy.io.savemat writes them too.

A header of 128 bytes, then elements: a tag of type and size, the content, filled up to 8 bytes. A
variable is an element of type 14 with sub-elements: flags, dimensions, name, numbers column by
column; or one of type 15, whose content is such an element packed by zlib. Numbers may be stored in
a smaller type than their class has. A struct has, in place of numbers, the length of its fields'
names, the names, and a variable for each. Texts, cells, sparse and complex arrays are refused;
-v7.3 files are HDF5 (formats/hdf5_named.py). SciPy reads all of it, but is 35 MB for these lines.

Source: MathWorks, "MAT-File Format", level 5.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_BYTES
from vbdata.errors import BadSample, Reason, choices

MAGIC = b"MATLAB 5.0 MAT-file"
HEADER = 128
ORDERS = {b"IM": "<", b"MI": ">"}  # the last two bytes of the header
MATRIX, PACKED = 14, 15  # types of elements
STORED = {
    **{1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"},
}
CLASSES = {
    **{6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8"},
    15: "u8",
}
STRUCT = 2  # a class
COMPLEX = 0x0800
MOST = 4096  # elements of a file
PEEK = 1024  # bytes of a packed variable in which its name stands
MOST_AXES = 8


def array(data: bytes, name: str = "", file: str = "") -> NDArray[Any]:
    """The array of this name, or the only one where none is named, of two axes or more.

    file: the name for messages. Raises BadSample: "wrong dtype" where it is not clear which array
    is meant or it is not one of real numbers, "too large", "truncated" or "undecodable".
    """
    content, order, name = _variable(data, name, file)
    return _matrix(content, order, name, file)


def field(data: bytes, name: str, of: str, file: str = "") -> NDArray[Any]:
    """The array in a field of a struct of one place. name: of the struct; of: of the field.

    file: the name for messages. Raises BadSample as `array` does.
    """
    content, order, _ = _variable(data, name, file)
    flags, shape, _, *rest = [part for _, part in _elements(content, order, file)] + [b""] * 3
    is_struct = len(flags) >= 4 and struct.unpack_from(f"{order}I", flags)[0] & 0xFF == STRUCT
    if not is_struct or shape != struct.pack(f"{order}2i", 1, 1):
        raise BadSample("wrong dtype", f"MAT: {name} is no struct of one place", file)
    length = struct.unpack_from(f"{order}I", rest[0].ljust(4, b"\0"))[0]
    if not 0 < length <= PEEK:
        raise _bad("undecodable", f"names of fields of {length} bytes", file)
    names = [rest[1][k : k + length] for k in range(0, len(rest[1]), length)]
    fields = dict(
        zip((n.partition(b"\0")[0].decode("latin-1") for n in names), rest[2:], strict=False)
    )
    if of not in fields:
        raise BadSample(
            "wrong dtype", f"MAT: {name} has no field {of!r}{choices(of, fields)}", file
        )
    return _matrix(fields[of], order, f"{name}.{of}", file)


def _variable(data: bytes, name: str, file: str) -> tuple[bytes, str, str]:
    """The content of a variable, the byte order, and its name. Raises BadSample."""
    if len(data) < HEADER or not data.startswith(MAGIC):
        raise _bad("truncated" if len(data) < HEADER else "undecodable", "no header", file)
    order = ORDERS.get(data[HEADER - 2 : HEADER], "")
    if not order:
        raise _bad("undecodable", f"its byte order is {data[HEADER - 2 : HEADER]!r}", file)
    there: dict[str, tuple[int, bytes]] = {}
    for kind, content in _elements(data[HEADER:], order, file):
        if kind in (MATRIX, PACKED):
            begin = _unpacked(content, order, file, PEEK) if kind == PACKED else content
            there[_name(begin, order, file)] = kind, content
    if not name and len(there) == 1:
        (name,) = there
    if name not in there:
        what = f"no array {name!r}" if name else f"{len(there)} arrays"
        raise BadSample("wrong dtype", f"MAT of {what}; name one{choices(name, there)}", file)
    kind, content = there[name]
    if kind == PACKED:
        content = _unpacked(content, order, file, MAX_BYTES)
    return content, order, name


def _name(content: bytes, order: str, file: str) -> str:
    """The name of a variable by the beginning of its content. Raises BadSample."""
    for number, (_, part) in enumerate(_elements(content, order, file)):
        if number == 2:
            return part.decode("latin-1")
    raise _bad("truncated", "a variable without a name", file)


def _matrix(content: bytes, order: str, name: str, file: str) -> NDArray[Any]:
    parts = [part for _, part in zip(range(4), _elements(content, order, file), strict=False)]
    if len(parts) < 4 or len(parts[0][1]) < 8:
        raise BadSample("wrong dtype", f"MAT: {name} is no array of numbers", file)
    flags = struct.unpack_from(f"{order}I", parts[0][1])[0]
    wanted = CLASSES.get(flags & 0xFF)
    kind, numbers = parts[3]
    if wanted is None or flags & COMPLEX or kind not in STORED:
        raise BadSample("wrong dtype", f"MAT: {name} is no array of real numbers", file)
    shape = struct.unpack_from(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    stored = np.dtype(f"{order}{STORED[kind]}")
    count = 1
    for side in shape:
        count *= side
    if not 2 <= len(shape) <= MOST_AXES or min(shape) < 0 or count * 8 > MAX_BYTES:
        raise BadSample("too large", f"MAT: {name} is {list(shape)}", file)
    if len(numbers) != count * stored.itemsize:
        detail = f"{name} has {len(numbers)} bytes, {list(shape)} of {stored} has another size"
        raise _bad("truncated", detail, file)
    values = np.frombuffer(numbers, stored).reshape(shape, order="F")
    return np.ascontiguousarray(values, np.dtype(wanted))


def _elements(data: bytes, order: str, file: str) -> Iterator[tuple[int, bytes]]:
    """(type, content) of the elements that bytes hold, one after another. Raises BadSample."""
    at, count = 0, 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        start = at + 8
        if kind >> 16:  # a small element: type, size and at most four bytes in one tag
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        count += 1
        if start + size > len(data) or count > MOST:
            detail = f"an element of {size} bytes, {len(data) - start} are left"
            raise _bad("truncated", detail, file)
        yield kind, data[start : start + size]
        small = start == at + 4
        at = at + 8 if small else start + (size if kind == PACKED else -(-size // 8) * 8)


def _unpacked(packed: bytes, order: str, file: str, most: int) -> bytes:
    """The content of the element that zlib packed, at most its first bytes. Raises BadSample."""
    unpacking = zlib.decompressobj()
    try:
        kind, size = struct.unpack(f"{order}II", unpacking.decompress(packed, 8))
        content = unpacking.decompress(unpacking.unconsumed_tail, min(size, most) or 1)
    except (zlib.error, struct.error) as err:
        raise _bad("undecodable", f"packed array: {err}", file) from err
    if kind != MATRIX or size > MAX_BYTES:
        raise _bad("too large", f"a packed element of type {kind} and {size} bytes", file)
    if len(content) < min(size, most):
        raise _bad("truncated", f"a packed array of {size} bytes ends after {len(content)}", file)
    return content


def _bad(reason: Reason, detail: str, file: str) -> BadSample:
    return BadSample(reason, f"MAT: {detail}", file)
