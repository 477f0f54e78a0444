"""Maps of Structured3D beside depth and normals: classes with instances, and albedo.

semantic is NYU40 in 8 bits, 0 for none, instance 16 bits, 65535 for the background; see
hypersim/segments.py for what they make. albedo is 8 bits on the curve of sRGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core import images
from vbdata.core.labels import Linear, Segments
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from ..formats import srgb
from . import maps, records
from .folders import codings
from .hypersim import segments as nyu40

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

BACKGROUND = 65535  # of instances


def facts(root: Root, entry: Entry) -> tuple[ClassFact, ...]:
    """The classes that a view shows. Raises BadSample."""
    return nyu40.facts(_partition(root, entry))


def segments(root: Root, entry: Entry) -> Segments:
    """The segments of a view. Raises BadSample."""
    return nyu40.segments(_partition(root, entry))


def albedo(root: Root, entry: Entry, depth: Mapping[str, Any]) -> Linear:
    """How much light the surfaces of a view return, valid where its depth is.

    depth: the coding of it. Raises BadSample.
    """
    path = entry.files["albedo"].path
    stored: Any = images.decode_png_raw(records.read(root, entry, "albedo"), path)
    if stored.dtype != np.uint8 or stored.ndim != 3:
        detail = f"albedo is {stored.dtype} of shape {stored.shape}, expected 8-bit RGB"
        raise BadSample("wrong dtype", detail, path)
    records.check_size(stored.shape, entry, path)
    valid = codings.depth_label(root, entry, depth).valid
    rgb = np.moveaxis(srgb.linear(stored[..., :3]), -1, 0)
    return Linear(rgb=np.ascontiguousarray(np.where(valid, rgb, np.float32(0))), valid=valid)


def _partition(root: Root, entry: Entry) -> nyu40.Partition:
    """The segments of a view's two maps. Raises BadSample."""
    kind: Any = maps.grey(root, entry, "semantic", np.uint8).astype(np.int32)
    number: Any = maps.grey(root, entry, "instance", np.uint16).astype(np.int32)
    paths = entry.files["semantic"].path, entry.files["instance"].path
    for each, path in zip((kind, number), paths, strict=True):
        records.check_size(each.shape, entry, path)
    kind[kind == 0] = nyu40.NOBODY
    number = np.where(number == BACKGROUND, nyu40.NOBODY, number + 1)
    return nyu40.partition(kind, number, paths)
