"""NYUv2's depth and objects as labels, valid where the picture shows something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.core.types import Depth, Entry, Segments
from vbdata.errors import BadSample

from .. import coded_segments as coded
from .. import records
from ..coded_segments import Kind, Part

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    from .mat import Mat

REGIONS = {"frame": (7, 474, 7, 632), "eigen": (45, 471, 41, 601)}  # rows, columns, half open
FARTHEST = 10.0  # metres
MILLIMETRES = 1000


def window(region: str) -> tuple[slice, slice]:
    """The rows and columns of a region."""
    top, bottom, left, right = REGIONS[region]
    return slice(top, bottom), slice(left, right)


def metres(root: Root, entry: Entry) -> NDArray[np.float32]:
    """float32[H, W]: what a sync frame's PNG says, 0 = missing. Raises BadSample."""
    path = entry.files["depth"].path
    stored = images.decode_png_raw(records.read(root, entry, "depth"), path)
    if stored.ndim != 2 or stored.dtype != np.uint16:
        found = f"{stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"depth is {found}, expected grey uint16", path)
    records.check_size(stored.shape, entry, path)
    return stored.astype(np.float32) / np.float32(MILLIMETRES)


def depth(stored: NDArray[np.float32], region: str, path: str) -> Depth:
    """Metres as they are stored, valid inside of the region, above 0 and below 10."""
    import torch

    inside = window(region)
    valid = np.zeros(stored.shape, np.bool_)
    with np.errstate(invalid="ignore"):  # NaN: missing
        valid[inside] = (stored[inside] > 0) & (stored[inside] < FARTHEST)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    kept = np.where(valid, stored, np.float32(0))
    return Depth(metres=torch.from_numpy(kept), valid=torch.from_numpy(valid))


def objects(mat: Mat, at: int, region: str, kinds: Sequence[Kind]) -> list[Part]:
    """The objects of a labelled frame inside of the region. Raises BadSample."""
    rows, columns = window(region)
    return coded.parts(_codes(mat, at)[columns, rows], kinds, mat.path)


def segments(mat: Mat, at: int, region: str, listed: Sequence[Part]) -> Segments:
    """The label of a frame with these objects. Raises BadSample if one is not there."""
    codes, inside = _codes(mat, at).T, window(region)
    ids = np.zeros(codes.shape, np.int32)
    ids[inside] = coded.numbers(codes[inside], listed, mat.path)
    return coded.segments(ids, listed)


def _codes(mat: Mat, at: int) -> NDArray[np.int32]:
    """int32[W, H], as MATLAB stores it: label and instance of a frame's pixels."""
    labels, instances = (mat.frame(name, at) for name in ("labels", "instances"))
    return labels.astype(np.int32) * coded.INSTANCES + instances
