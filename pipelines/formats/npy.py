"""One plane of numbers out of an .npy file that somebody else wrote.

A header is read as a Python literal, never as code; what is not plain numbers (pickles, records) is
refused, and the file must hold just the bytes that its header promises before a value is looked at.
Format: numpy.lib.format; versions 1 to 3 differ only in the length field and the header's charset.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

MAGIC = b"\x93NUMPY"
LENGTH_BYTES = {1: 2, 2: 4, 3: 4}  # by major version
LONGEST = 1 << 12  # bytes of a header
NUMBERS = re.compile(r"[<>|=]?[biuf]\d{1,2}")
# what literal_eval raises on garbled text
DAMAGE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


class Header(NamedTuple):
    """What a file says of its array; start: offset of the first value."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int


def plane(
    data: bytes, height: int, width: int, dtypes: Collection[str], file: str = ""
) -> NDArray[Any]:
    """The array [H, W] of a file of shape (H, W) or (H, W, 1), in native byte order.

    dtypes: kind and bytes, such as "f4". Raises BadSample.
    """
    found = header(data, file)
    if found.dtype.str[1:] not in dtypes:
        expected = " or ".join(dtypes)
        raise BadSample("wrong dtype", f"npy of {found.dtype.str!r}, expected {expected}", file)
    if found.shape not in ((height, width), (height, width, 1)):
        detail = f"npy of shape {found.shape}, expected ({height}, {width}) or with a last 1"
        raise BadSample("wrong size", detail, file)
    promised = math.prod(found.shape) * found.dtype.itemsize
    held = len(data) - found.start
    if held != promised:
        detail = f"npy with {held} bytes of values, its header promises {promised}"
        raise BadSample("truncated" if held < promised else "undecodable", detail, file)
    values = np.frombuffer(data, found.dtype, offset=found.start)
    values = values.reshape(found.shape, order="F" if found.fortran else "C")
    return np.ascontiguousarray(values.reshape(height, width), found.dtype.newbyteorder("="))


def header(data: bytes, file: str = "") -> Header:
    """The header of a file, of which the first LONGEST bytes do. Raises BadSample."""
    if data[: len(MAGIC)] != MAGIC:
        cut = MAGIC.startswith(data)
        raise BadSample(
            "truncated" if cut else "undecodable", f"no npy: starts {data[:8].hex()!r}", file
        )
    if len(data) < len(MAGIC) + 2 or len(data) < (first := 8 + LENGTH_BYTES.get(data[6], 0)):
        raise BadSample("truncated", f"npy of {len(data)} bytes", file)
    start = first + int.from_bytes(data[8:first], "little")
    if first == 8 or start > LONGEST:
        detail = (
            f"npy version {data[6]} with a header of {start} bytes (versions 1 to 3, {LONGEST})"
        )
        raise BadSample("undecodable", detail, file)
    if len(data) < start:
        raise BadSample("truncated", f"npy header ends after {len(data)} of {start} bytes", file)
    try:
        fields = ast.literal_eval(data[first:start].decode("latin-1").strip())
    except DAMAGE as err:
        raise BadSample("undecodable", f"npy header is no literal: {err!s:.80}", file) from err
    return _checked(fields, start, file)


def _checked(fields: object, start: int, file: str) -> Header:
    """A header's literal as what it should be. Raises BadSample."""
    if not isinstance(fields, dict) or fields.keys() != {"descr", "fortran_order", "shape"}:
        raise BadSample("undecodable", f"npy header is {fields!r:.80}", file)
    descr, fortran, shape = fields["descr"], fields["fortran_order"], fields["shape"]
    if not isinstance(fortran, bool) or not isinstance(shape, tuple):
        raise BadSample("undecodable", f"npy header is {fields!r:.80}", file)
    if not all(type(n) is int and n >= 0 for n in shape):
        raise BadSample("undecodable", f"npy of shape {shape!r:.80}", file)
    if not isinstance(descr, str) or not NUMBERS.fullmatch(descr):
        raise BadSample("wrong dtype", f"npy of {descr!r:.80}, not plain numbers", file)
    try:
        return Header(np.dtype(descr), shape, fortran, start)
    except TypeError as err:
        raise BadSample("wrong dtype", f"npy of {descr!r}: {err}", file) from err
