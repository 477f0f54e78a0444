"""Labels of images: the arrays of each kind, what they mean, and how each is resized.

Everywhere: lengths in metres, camera axes of OpenCV (+x right, +y down, +z forward). Arrays are
NumPy's, or tensors on any device (vbdata.core.arrays).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from vbdata.core.arrays import Array, namespace, place, placed
from vbdata.core.types import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Planar depth, the distance along the optical axis, not along the ray.

    metres: float32[..., H, W], +inf = sky; valid: bool[..., H, W], True for the sky, too.
    """

    metres: Array
    valid: Array

    def fit(self, geometry: Geometry) -> Depth:
        """Resize by nearest neighbours: a mean across an edge is a surface that does not exist."""
        return Depth(metres=geometry.pick(self.metres), valid=geometry.pick(self.valid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normals:
    """Surface normals. xyz: float32[..., 3, H, W], unit vectors in OpenCV axes, facing the camera.

    valid: bool[..., H, W], False where there is no normal; sky: bool[..., H, W], pixels that have
    no surface at all, which are not valid.
    """

    xyz: Array
    valid: Array
    sky: Array

    def fit(self, geometry: Geometry) -> Normals:
        """Resize by nearest neighbours, so that vectors stay unit vectors and edges sharp."""
        return Normals(
            xyz=geometry.pick(self.xyz),
            valid=geometry.pick(self.valid),
            sky=geometry.pick(self.sky),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """A partition of the image into segments. ids: int32[..., H, W], 0 = none, k = segment k - 1.

    classes, things, crowds: for each segment its class name, whether it can be counted, and whether
    it is a group that was not split; valid: bool[..., H, W], False where annotators left a void,
    which is of no segment (id 0); known: classes of which that is not so, since all that there is
    of them in the image is marked: every pixel of no segment of theirs is none of them; under:
    int32[..., H, W], of data whose masks overlap: 0 = nothing, k = the segments (counted from 0) of
    covered[k - 1] lie under the one that ids has there.
    """

    ids: Array
    classes: tuple[str, ...]
    things: tuple[bool, ...]
    crowds: tuple[bool, ...]
    valid: Array
    known: tuple[str, ...] = ()
    under: Array | None = None
    covered: tuple[tuple[int, ...], ...] = ()

    def fit(self, geometry: Geometry) -> Segments:
        """Resize by nearest neighbours: an id between two ids would be a third object."""
        under = None if self.under is None else geometry.pick(self.under)
        ids, valid = geometry.pick(self.ids), geometry.pick(self.valid)
        return replace(self, ids=ids, valid=valid, under=under)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Optical flow: how far each pixel's surface point moves in the image until the next frame.

    uv: float32[..., 2, H, W], pixels to the right and down; valid: bool[..., H, W].
    """

    uv: Array
    valid: Array

    def fit(self, geometry: Geometry) -> Flow:
        """Resize by nearest neighbours, and scale the vectors as the image is scaled."""
        uv, (width, height) = geometry.pick(self.uv), geometry.source
        if geometry.scaled != geometry.source:
            xp = namespace(uv)
            across, down = geometry.scaled[0] / width, geometry.scaled[1] / height
            uv = xp.stack([uv[..., 0, :, :] * across, uv[..., 1, :, :] * down], -3)
        return Flow(uv=uv, valid=geometry.pick(self.valid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """Named joints of N persons, or of other things that have such.

    points: float32[N, K, 2], x and y in pixels, whole numbers at the middles of pixels; visible:
    int8[N, K], 0 = not labelled, 1 = labelled but hidden by something, 2 = seen; boxes:
    float32[N, 4], x0, y0, x1, y1 in pixels, edges at whole numbers; areas: float32[N], pixels of
    the persons' masks; crowds: bool[N], groups that were not split; names: of the K joints;
    skeleton: pairs of joints, counted from 0, that a bone joins; valid: bool[H, W], False where
    persons without joints may be, which also is the image's size. Persons of whom no joint is
    labelled are listed, too.
    """

    points: Array
    visible: Array
    boxes: Array
    areas: Array
    crowds: Array
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    valid: Array

    def only(self, names: Sequence[str]) -> Keypoints:
        """The same persons with some of their joints, in this order. KeyError for an unknown one.

        Of bones those stay whose joints both do.
        """
        numbers = {name: number for number, name in enumerate(self.names)}
        chosen = [numbers[name] for name in names]
        places = {joint: place for place, joint in enumerate(chosen)}
        order = placed(np.array(chosen, np.int64), place(self.points))
        bones = (bone for bone in self.skeleton if places.keys() >= set(bone))
        return replace(
            self,
            points=self.points[:, order],
            visible=self.visible[:, order],
            names=tuple(names),
            skeleton=tuple((places[one], places[other]) for one, other in bones),
        )

    def fit(self, geometry: Geometry) -> Keypoints:
        """Move the points as the image's pixels move; joints outside of the crop lose their label.

        x becomes (x + 1/2) scaled / source - 1/2 - left: the middle of a pixel stays a middle.
        """
        xp, where = namespace(self.points), place(self.points)
        ratio = [geometry.scaled[k] / geometry.source[k] for k in (0, 1)]
        corner = (geometry.left, geometry.top)
        scale, shift = (placed(np.array(values, np.float32), where) for values in (ratio, corner))
        size = placed(np.array((geometry.width, geometry.height), np.float32), where)
        points = (self.points + 0.5) * scale - 0.5 - shift
        inside = ((points >= -0.5) & (points < size - 0.5)).all(-1)
        here = inside & (self.visible > 0)
        boxes = self.boxes.reshape(-1, 2, 2) * scale - shift
        boxes = xp.minimum(xp.maximum(boxes, xp.zeros_like(size)), size).reshape(-1, 4)
        return replace(
            self,
            points=xp.where(here[..., None], points, xp.zeros_like(points)),
            visible=xp.where(here, self.visible, xp.zeros_like(self.visible)),
            boxes=boxes,
            areas=self.areas * float(np.float32(ratio[0] * ratio[1])),
            valid=geometry.pick(self.valid),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Matte:
    """How much of each pixel the foreground covers.

    alpha: uint8[..., H, W], 255 times the covered share; valid: bool[..., H, W].
    """

    alpha: Array
    valid: Array

    def fit(self, geometry: Geometry) -> Matte:
        """Resize by exact area averages, as the image is: a covered share of a share.

        Every output pixel is the mean of what it covers, rounded once, half up; one of which any
        part is not valid is not.
        """
        alpha, valid = self.alpha, self.valid
        if geometry.scaled != geometry.source:
            alpha = _averaged(alpha, geometry.scaled)
            valid = (
                _averaged(namespace(valid).where(valid, 255, 0), geometry.scaled, down=True) == 255
            )
        rows = slice(geometry.top, geometry.top + geometry.height)
        columns = slice(geometry.left, geometry.left + geometry.width)
        return Matte(alpha=alpha[..., rows, columns], valid=valid[..., rows, columns])


def _averaged(values: Array, size: tuple[int, int], *, down: bool = False) -> Array:
    """Area averages of whole numbers [..., H, W], 0 to 255, at another size: uint8 [..., h, w].

    size: (w, h); down: rounded down, not to the nearest. Sums of whole numbers are the same on
    every device.
    """
    xp = namespace(values)
    values, area = xp.asarray(values, dtype=xp.int64), 1
    for count in size:
        n = values.shape[-1]
        edge = np.arange(count + 1) * n
        whole, part = (placed(each, place(values)) for each in (edge // count, edge % count))
        padded = xp.concatenate([xp.zeros_like(values[..., :1]), values, values[..., -1:]], -1)
        total = xp.cumsum(padded[..., :-1], -1)
        at_edge = total[..., whole] * count + padded[..., whole + 1] * part
        values = xp.swapaxes(at_edge[..., 1:] - at_edge[..., :-1], -1, -2)
        area *= n
    return xp.asarray((values + (0 if down else area // 2)) // area, dtype=xp.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A map of light or of reflectance by colour, linear: twice the light is twice the number.

    rgb: float32[..., 3, H, W], from 0 on, in the primaries of sRGB; reflectance is at most 1;
    valid: bool[..., H, W].
    """

    rgb: Array
    valid: Array

    def fit(self, geometry: Geometry) -> Linear:
        """Resize by nearest neighbours: a mean across an edge is a material that does not exist."""
        return Linear(rgb=geometry.pick(self.rgb), valid=geometry.pick(self.valid))


Label = Depth | Normals | Segments | Flow | Keypoints | Matte | Linear


def moved(label: Label, where: str) -> Label:
    """A label with its arrays at a place, "numpy" or a device such as "cuda:0"; itself if they are.

    Arrays are not copied where that is the same memory.
    """
    elsewhere: dict[str, Any] = {}
    for name in _names(type(label)):  # type: ignore[arg-type]
        part = getattr(label, name)
        if hasattr(part, "dtype") and (there := placed(part, where)) is not part:
            elsewhere[name] = there
    return replace(label, **elsewhere) if elsewhere else label


@functools.cache
def _names(kind: type[Label]) -> tuple[str, ...]:
    """The names of a kind's parts."""
    return tuple(field.name for field in fields(kind))
