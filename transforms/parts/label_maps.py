"""Maps of numbers, int32[..., H, W]: what tasks on segments share besides colours."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from vbdata.core import compiled
from vbdata.core.arrays import Array, look_up, namespace, numpy
from vbdata.core.labels import Segments


def by_image(ids: Array, tables: Sequence[Sequence[Any]], dtype: DTypeLike) -> Array:
    """The numbers of ids, int32[..., H, W], in a table of each image's own: dtype[..., H, W].

    Raises IndexError for an id that a table does not have.
    """
    images = ids.reshape(len(tables), *ids.shape[-2:])
    rows = [look_up(np.array(t, dtype), image) for t, image in zip(tables, images, strict=True)]
    return rows[0] if ids.ndim == 2 else namespace(ids).stack(rows).reshape(ids.shape)


def counts(ids: Array, size: int) -> list[int]:
    """How many pixels of int32[...] each id from 0 to size - 1 has; others are of none."""
    if library := compiled.library_for(int32=ids):
        found = (ctypes.c_int64 * size)()
        library.vb_counts(
            compiled.address(ids), math.prod(ids.shape), size, ctypes.addressof(found)
        )
        return list(found)
    flat = ids.reshape(-1)
    return [
        int(count)
        for count in namespace(flat)
        .bincount(flat[(flat >= 0) & (flat < size)], minlength=size)
        .tolist()
    ]


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


def lifted(label: Segments, asked: Sequence[int]) -> Segments:
    """The label with what is asked for on top of what is not, where masks overlap.

    asked: of each segment a number, one for all that are drawn alike, 0 for those that are not
    asked for. Where the segments under another are of several numbers, nothing says which is on
    top: see `hidden`.
    """
    if label.under is None or not label.covered:
        return label
    lifts = [0]
    for each in label.covered:
        below = {asked[k]: k + 1 for k in reversed(each) if asked[k]}
        lifts.append(next(iter(below.values())) if len(below) == 1 else 0)
    up = look_up(np.array(lifts, np.int32), label.under)
    on_top = look_up(np.array([False, *(number > 0 for number in asked)]), label.ids)
    return replace(label, ids=namespace(up).where(on_top | (up == 0), label.ids, up))


def hidden(label: Segments, asked: Sequence[int]) -> Array | None:
    """bool[..., H, W]: where something that is asked for lies under what is not, after `lifted`.

    Such a pixel is of what is asked for, but drawn as background. None where no segments overlap.
    asked: as for `lifted`.
    """
    if label.under is None or not label.covered:
        return None
    below = np.array([False, *(any(asked[k] for k in each) for each in label.covered)])
    on_top = look_up(np.array([False, *(number > 0 for number in asked)]), label.ids)
    return look_up(below, label.under) & ~on_top
