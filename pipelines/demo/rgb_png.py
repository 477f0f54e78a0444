"""PNG files of pictures and of maps with 8 or 16 bits a channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rgb_png(values: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """A PNG of [H, W, 3] in the order R, G, B."""
    import cv2

    return bytes(cv2.imencode(".png", np.ascontiguousarray(values[..., ::-1]))[1].tobytes())


def map_png(values: NDArray[np.unsignedinteger[Any]]) -> bytes:
    """A grey PNG of [H, W]."""
    import cv2

    return bytes(cv2.imencode(".png", values)[1].tobytes())
