"""Arrays of numbers out of .npy files from outside.

A header is read as a Python literal, never as code. Anything but plain numbers (pickles, records)
is refused, and so is a file that does not hold exactly the bytes that its header promises.
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
# What literal_eval raises on garbled text.
DAMAGE = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)


class Header(NamedTuple):
    """What a file's header says of its array.

    fortran: whether the first axis varies fastest; start: the byte at which the values begin.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    start: int


def plane(
    data: bytes, height: int, width: int, dtypes: Collection[str], file: str = ""
) -> NDArray[Any]:
    """The array [H, W] of a file whose shape is (H, W) or (H, W, 1), in native byte order.

    dtypes: the types allowed, as kind and bytes, such as "f4"; file: the name for messages. Raises
    BadSample("truncated", "undecodable", "wrong dtype" or "wrong size").
    """
    head = header(data, file)
    if head.dtype.str[1:] not in dtypes:
        expected = " or ".join(dtypes)
        raise BadSample("wrong dtype", f"npy of {head.dtype.str!r}, expected {expected}", file)
    if head.shape not in ((height, width), (height, width, 1)):
        detail = f"npy of shape {head.shape}, expected ({height}, {width}) or with a last 1"
        raise BadSample("wrong size", detail, file)
    return np.ascontiguousarray(_values(data, head, file).reshape(height, width))


def array(data: bytes, file: str = "") -> NDArray[Any]:
    """The array of a file, of any shape and type of number, in native byte order.

    file: the name for messages. Raises BadSample("truncated", "undecodable" or "wrong dtype").
    """
    return _values(data, header(data, file), file)


def _values(data: bytes, head: Header, file: str) -> NDArray[Any]:
    """The values behind a header, in native byte order. Raises BadSample unless all are there."""
    promised = math.prod(head.shape) * head.dtype.itemsize
    held = len(data) - head.start
    if held != promised:
        detail = f"npy with {held} bytes of values, its header promises {promised}"
        raise BadSample("truncated" if held < promised else "undecodable", detail, file)
    values = np.frombuffer(data, head.dtype, offset=head.start)
    values = values.reshape(head.shape, order="F" if head.fortran else "C")
    return np.ascontiguousarray(values, head.dtype.newbyteorder("="))


def header(data: bytes, file: str = "") -> Header:
    """The header of a file; its first LONGEST bytes are enough for it.

    file: the name for messages. Raises BadSample("truncated", "undecodable" or "wrong dtype").
    """
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
    """The Header of its parsed literal. Raises BadSample unless it is of the format."""
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
