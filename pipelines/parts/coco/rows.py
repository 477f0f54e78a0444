"""Plain annotations as columns: what both ways to read them make."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class MaskRows(NamedTuple):
    """Plain masks, a row each.

    image, kind: ids as they stand, of 0 or more; area: in pixels; whole: whether that is written as
    an integer; start, end: where they stand in the text that was read.
    """

    id: Ints
    image: Ints
    kind: Ints
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    start: Ints
    end: Ints


class CaptionRows(NamedTuple):
    """Plain captions, a row each.

    image, start: as of masks; bounds, texts: their own texts as UTF-8, one after the other, and
    where in these each begins, and the last ends.
    """

    image: Ints
    start: Ints
    bounds: Ints
    texts: bytes
