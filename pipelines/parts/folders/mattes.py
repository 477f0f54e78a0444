"""Alpha mattes and masks of a foreground: grey PNGs, or the alpha of PNGs that have one.

255, white, is foreground. A grey of 1, 2 or 4 bits is spread over 0 to 255; RGB must be grey.
"""

from __future__ import annotations

import numpy as np

from vbdata.core import images
from vbdata.core.labels import Matte
from vbdata.errors import BadSample

CHANNELS = ("alpha", "grey")
OPAQUE = "is opaque throughout; matte.channel: grey reads its grey, alpha takes it as it is"


def read(data: bytes, channel: str, size: tuple[int, int], path: str) -> Matte:
    """The matte of a PNG. channel: one of CHANNELS, "" for its alpha if it has one, else its grey.

    size: (width, height) of the picture; path: for messages. Raises BadSample.
    """
    stored = images.decode_png_raw(data, path)
    if stored.dtype != np.uint8:
        raise BadSample("wrong dtype", "16 bits a channel, expected 8", path)
    height, width = stored.shape[:2]
    if (width, height) != size:
        detail = f"{width}x{height}, expected {size[0]}x{size[1]}"
        raise BadSample("wrong size", detail, path)
    alpha = stored[..., 3] if stored.ndim == 3 and stored.shape[2] == 4 else None
    if channel == "alpha" and alpha is None:
        raise BadSample("wrong dtype", "it has no alpha, which matte.channel asks for", path)
    if alpha is not None and channel != "grey":
        if not channel and bool((alpha == 255).all()):
            raise BadSample("out of range", f"its alpha {OPAQUE}", path)
        values = alpha
    else:
        values = stored if stored.ndim == 2 else stored[..., 0]
        if stored.ndim == 3 and not bool((stored[..., :3] == values[..., None]).all()):
            raise BadSample("wrong dtype", "it has colours, expected grey", path)
    alpha = np.ascontiguousarray(values, np.uint8)
    return Matte(alpha=alpha, valid=np.ones(alpha.shape, np.bool_))
