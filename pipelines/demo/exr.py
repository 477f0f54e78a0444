"""OpenEXR files: float32, uncompressed, a row a block.

Written here, as the package that reads them is optional. Source: OpenEXR file layout.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def written(planes: Mapping[str, NDArray[np.floating[Any]]]) -> bytes:
    """The bytes of a file. planes: channel -> [H, W]."""
    names = sorted(planes)  # channels stand in the order of their names
    height, width = planes[names[0]].shape

    def said(name: str, kind: str, value: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value

    channels = b"".join(f"{n}\0".encode() + struct.pack("<iIii", 2, 0, 1, 1) for n in names)
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<2I", 20000630, 2) + b"".join(
        (
            said("channels", "chlist", channels + b"\0"),
            said("compression", "compression", b"\0"),
            said("dataWindow", "box2i", window),
            said("displayWindow", "box2i", window),
            said("lineOrder", "lineOrder", b"\0"),
            said("pixelAspectRatio", "float", struct.pack("<f", 1)),
            said("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            said("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    size = len(names) * width * 4
    first = len(head) + 8 * height
    places = (first + row * (size + 8) for row in range(height))
    table = b"".join(struct.pack("<Q", place) for place in places)
    stored = np.stack([planes[name] for name in names], 1).astype("<f4")  # a row's channels in turn
    rows = (struct.pack("<2i", row, size) + stored[row].tobytes() for row in range(height))
    return head + table + b"".join(rows)
