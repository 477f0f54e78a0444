"""DPT: depth as MPI Sintel has it: a tag, width and height, and float32 row by row.

Everything is little-endian; the tag is the float 202021.25, whose bytes read "PIEH". Source: the
Sintel SDK, sdk/python/sintel_io.py (depth_read).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

MAGIC = b"PIEH"
HEADER = struct.Struct("<4sii")


def array(data: bytes, file: str = "") -> NDArray[Any]:
    """The values of a file, float32[H, W].

    file: the name for messages. Raises BadSample("truncated", "undecodable" or "too large").
    """
    if len(data) < HEADER.size:
        raise BadSample("truncated", f"DPT ends in its header, after {len(data)} bytes", file)
    magic, width, height = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadSample("undecodable", f"no DPT: starts {data[:4]!r}", file)
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        raise BadSample("too large", f"DPT of {width}x{height} pixels, at most {MAX_PIXELS}", file)
    held, promised = len(data) - HEADER.size, 4 * width * height
    if held != promised:
        detail = f"DPT with {held} bytes of values, its header promises {promised}"
        raise BadSample("truncated" if held < promised else "undecodable", detail, file)
    values = np.frombuffer(data, "<f4", offset=HEADER.size).reshape(height, width)
    return np.ascontiguousarray(values, np.float32)
