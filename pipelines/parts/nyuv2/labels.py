"""NYUv2's depth and objects as labels, valid inside the picture's white frame only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample

from .. import coded_segments as coded
from .. import depth_rules, maps, records
from ..coded_segments import Kind, Part

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    from .mat import Mat

REGIONS = {"frame": (7, 474, 7, 632), "eigen": (45, 471, 41, 601)}  # rows, columns, half open
FARTHEST = 10.0  # metres, where the toolbox cuts depth off
BEYOND = 10.01  # metres: more than filling the holes may add to that
MILLIMETRES = 1000  # in a metre


def window(region: str) -> tuple[slice, slice]:
    """The rows and columns of one of REGIONS."""
    top, bottom, left, right = REGIONS[region]
    return slice(top, bottom), slice(left, right)


def metres(root: Root, entry: Entry) -> NDArray[np.float32]:
    """The depth of a sync frame in metres, float32[H, W], 0 = missing. Raises BadSample."""
    stored = maps.grey(root, entry, "depth", np.uint16)
    records.check_size(stored.shape, entry, entry.files["depth"].path)
    return stored.astype(np.float32) / np.float32(MILLIMETRES)


def depth(stored: NDArray[np.float32], region: str, path: str) -> Depth:
    """Stored metres, float32[H, W], as a label: valid inside the region, above 0 and below 10.

    Raises BadSample("all invalid"), and "out of range" beyond 10 m.
    """
    inside = window(region)
    valid = np.zeros(stored.shape, np.bool_)
    with np.errstate(invalid="ignore"):  # NaN: missing
        valid[inside] = (stored[inside] > 0) & (stored[inside] < np.inf)
        depth_rules.within(stored, valid, BEYOND, path)
        valid &= stored < FARTHEST
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    kept = np.where(valid, stored, np.float32(0))
    return Depth(metres=kept, valid=valid)


def objects(mat: Mat, frame: int, region: str, kinds: Sequence[Kind]) -> list[Part]:
    """The objects of a labelled frame, counted from 0, inside the region. Raises BadSample."""
    rows, columns = window(region)
    return coded.parts(_codes(mat, frame)[columns, rows], kinds, mat.path)


def segments(mat: Mat, frame: int, region: str, listed: Sequence[Part]) -> Segments:
    """The label of a frame, counted from 0, with these objects. Raises BadSample if one is gone."""
    codes, inside = _codes(mat, frame).T, window(region)
    ids = np.zeros(codes.shape, np.int32)
    ids[inside] = coded.numbers(codes[inside], listed, mat.path)
    return coded.segments(ids, listed)


def _codes(mat: Mat, frame: int) -> NDArray[np.int32]:
    """int32[W, H], columns first as MATLAB stores it: 256 x label + instance of each pixel."""
    labels, instances = (mat.frame(name, frame) for name in ("labels", "instances"))
    return labels.astype(np.int32) * coded.INSTANCES + instances
