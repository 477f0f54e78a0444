"""PFM: a plane of float32, or three of them, with a text header; the bottom row comes first.

    Pf            one plane; PF: three
    640 480       width, height
    -1.0          below 0: little-endian, above: big-endian

The size of the last number is a scale of brightness that nobody agrees on: Middlebury writes
0.003922 over disparities that are in pixels already. It is not applied.
Source: netpbm.sourceforge.net/doc/pfm.html; vision.middlebury.edu/stereo/data (2014).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

MAGICS = (b"Pf", b"PF")
HEADER = re.compile(rb"(P[fF])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s")


def array(data: bytes, file: str = "") -> NDArray[Any]:
    """The values of a file, float32[H, W] or [H, W, 3], the top row first.

    file: the name for messages. Raises BadSample("truncated", "undecodable" or "too large").
    """
    head = HEADER.match(data[:200])
    if head is None:
        raise BadSample("undecodable", f"PFM without its header: starts {data[:16]!r}", file)
    width, height, planes = int(head[2]), int(head[3]), 3 if head[1] == b"PF" else 1
    try:
        scale = float(head[4])
    except ValueError as err:
        raise BadSample("undecodable", f"PFM with the scale {head[4]!r}", file) from err
    if not 0 < width * height <= MAX_PIXELS:
        raise BadSample("too large", f"PFM of {width}x{height} pixels, at most {MAX_PIXELS}", file)
    held, promised = len(data) - head.end(), 4 * width * height * planes
    if held != promised:
        detail = f"PFM with {held} bytes of values, its header promises {promised}"
        raise BadSample("truncated" if held < promised else "undecodable", detail, file)
    values = np.frombuffer(data, "<f4" if scale < 0 else ">f4", offset=head.end())
    shape = (height, width, 3) if planes == 3 else (height, width)
    return np.ascontiguousarray(values.reshape(shape)[::-1], np.float32)
