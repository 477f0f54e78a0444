"""Maps of numbers, int32[..., H, W]: what tasks on segments share besides colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from vbdata.core.arrays import Array, look_up, namespace, numpy
from vbdata.core.types import Segments


def by_image(ids: Array, tables: Sequence[Sequence[Any]], dtype: DTypeLike) -> Array:
    """The numbers of ids, int32[..., H, W], in a table of each image's own: dtype[..., H, W].

    Raises IndexError for an id that a table does not have.
    """
    images = ids.reshape(len(tables), *ids.shape[-2:])
    rows = [look_up(np.array(t, dtype), image) for t, image in zip(tables, images, strict=True)]
    return rows[0] if ids.ndim == 2 else namespace(ids).stack(rows).reshape(ids.shape)


def least_iou(one: Array, other: Array, count: int) -> float:
    """The smallest IoU of a number from 0 to count - 1 that occurs in either of two maps.

    one, other: int32[..., H, W]; other numbers than those are nothing. 1.0 if none occurs.
    """
    first, second = (numpy(map_).reshape(-1) for map_ in (one, other))
    both, *sizes = (
        np.bincount(ids[(ids >= 0) & (ids < count)], minlength=count)
        for ids in (first[first == second], first, second)
    )
    union = sizes[0] + sizes[1] - both
    return float((both[union > 0] / union[union > 0]).min(initial=1.0))


def hidden(label: Segments, asked: Sequence[bool]) -> Array | None:
    """bool[..., H, W]: where a segment that is asked for lies under one that is not.

    Such a pixel is of what is asked for, but shows in the colour of something else. None where no
    segments overlap. asked: of each segment.
    """
    if label.under is None or not label.covered:
        return None
    below = np.array([False, *(any(asked[k] for k in each) for each in label.covered)])
    return look_up(below, label.under) & ~look_up(np.array([False, *asked]), label.ids)
