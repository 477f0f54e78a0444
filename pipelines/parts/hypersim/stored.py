"""What Hypersim's HDF5 files of a frame hold, as labels; pipelines/hypersim.py has the facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.labels import Depth, Linear, Normals
from vbdata.core.types import Entry
from vbdata.errors import BadSample

from ...formats.hdf5 import read_array
from .. import records
from . import segments as partitions
from .camera import directions, orient, rays
from .tonemap import tonemap

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LABELLED = {
    "semantic": "images/scene_{}_geometry_hdf5/frame.{:04d}.semantic.hdf5",
    "instance": "images/scene_{}_geometry_hdf5/frame.{:04d}.semantic_instance.hdf5",
}
NOTHING = -1  # render_entity_id of a pixel that sees no object


def array(root: Root, entry: Entry, key: str, *tail: int) -> NDArray[Any]:
    """One of the entry's HDF5 arrays, [H, W, *tail], float16 or int16. Raises BadSample."""
    dtype = np.int16 if key in ("entities", *LABELLED) else np.float16
    shape, path = (entry.height, entry.width, *tail), entry.files[key].path
    return read_array(records.read(root, entry, key), shape, dtype, path)


def rays_of(entry: Entry) -> NDArray[np.float64]:
    """The unit rays of the entry's pixels, float64[3, H, W], in OpenCV axes."""
    return rays(tuple(records.unpack(entry.record)["M_cam_from_uv"]), entry.width, entry.height)


def tonemapped(root: Root, entry: Entry) -> NDArray[np.uint8]:
    """The frame, uint8 RGB [H, W, 3], of its linear colours. Raises BadSample."""
    color = array(root, entry, "image", 3)
    if np.isnan(color).any():
        bad = int(np.isnan(color).any(-1).sum())
        raise BadSample("out of range", f"{bad} pixels are NaN", entry.files["image"].path)
    valid = np.ones(color.shape[:2], np.bool_)
    if "entities" in entry.files:
        valid = array(root, entry, "entities") != NOTHING
    return tonemap(color, valid)


def depth(root: Root, entry: Entry) -> Depth:
    """Planar depth of the stored distances. Raises BadSample."""
    distance = array(root, entry, "depth").astype(np.float64)
    with np.errstate(invalid="ignore"):  # NaN and inf: no surface
        planar = distance * rays_of(entry)[2]
        valid = np.isfinite(planar) & (planar > 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a depth", entry.files["depth"].path)
    metres = np.where(valid, planar, 0).astype(np.float32)
    return Depth(metres=metres, valid=valid)


def normals(root: Root, entry: Entry) -> Normals:
    """Normals in OpenCV axes, unit vectors that face the camera. Raises BadSample."""
    stored = array(root, entry, "normals", 3)
    if "entities" in entry.files:
        sky = array(root, entry, "entities") == NOTHING
    else:
        sky = nowhere(stored)
    matrix = tuple(records.unpack(entry.record)["M_cam_from_uv"])
    xyz, valid = orient(stored, directions(matrix, entry.width, entry.height), sky)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a normal", entry.files["normals"].path)
    return Normals(xyz=xyz, valid=valid, sky=sky)


def nowhere(stored: NDArray[np.float16]) -> NDArray[np.bool_]:
    """bool[H, W]: vectors with a NaN in them, told by their bits: twenty times as fast as isnan."""
    planes = np.ascontiguousarray(np.moveaxis(stored, -1, 0)).view(np.uint16)
    if library := compiled.library():
        sky = np.empty(stored.shape[:2], np.bool_)
        library.vb_nowhere(compiled.address(planes), sky.size, compiled.address(sky))
        return sky
    nan = (planes & np.uint16(0x7FFF)) > 0x7C00
    return np.asarray(nan[0] | nan[1] | nan[2])


def partition(root: Root, entry: Entry) -> partitions.Partition:
    """The frame's regions by class and instance. Raises BadSample."""
    semantic, instance = (array(root, entry, key) for key in LABELLED)
    return partitions.partition(
        semantic, instance, (entry.files["semantic"].path, entry.files["instance"].path)
    )


def albedo(root: Root, entry: Entry) -> Linear:
    """Diffuse reflectance, 0 to 1. Raises BadSample."""
    return _linear(root, entry, "albedo", 1.0)


def shading(root: Root, entry: Entry) -> Linear:
    """Diffuse illumination, from 0 on. Raises BadSample."""
    return _linear(root, entry, "shading", np.inf)


def _linear(root: Root, entry: Entry, key: str, most: float) -> Linear:
    """A linear map, valid where something is seen and all channels are from 0 to `most`, finite."""
    stored = array(root, entry, key, 3)
    rgb = np.ascontiguousarray(np.moveaxis(stored, -1, 0), np.float32)
    valid = (np.isfinite(rgb) & (rgb >= 0) & (rgb <= most)).all(0)
    if "entities" in entry.files:
        valid &= array(root, entry, "entities") != NOTHING
    if not valid.any():
        raise BadSample("all invalid", f"no pixel has {key}", entry.files[key].path)
    return Linear(rgb=np.where(valid, rgb, np.float32(0)), valid=valid)
