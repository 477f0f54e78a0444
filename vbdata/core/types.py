"""The nouns of the engine: frozen records that one stage passes to the next.

Everywhere: lengths in metres, camera axes of OpenCV (+x right, +y down, +z forward). Labels have
arrays of NumPy, or tensors on any device (vbdata.core.arrays); each kind of label has its own rule
of resizing (`fit`).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, namespace, place, placed
from vbdata.core.filters import Filters

Cell = tuple[str, str]  # (source, task): what a recipe's mixture gives a share of the samples


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file of a record.

    path: below the source's root; size: in bytes, -1 if it is missing; tag: what the root says of
    its content besides, an ETag or a checksum, "" if nothing. Tags are no part of an entry's digest
    and of no comparison, since the same data has others in another root.
    """

    path: str
    size: int
    tag: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFact:
    """What an index says of one class in one image.

    name: as prompts say it; thing: whether it can be counted; instances: how many are labelled one
    by one (crowds left out); smallest: area in pixels of the smallest instance, 0 without any;
    parts: of each segment of the class its place in the label, counted from 0, and its area in
    pixels, -1 of one that is no instance. Parts are no part of an entry's digest and of no
    comparison: filters need them, and what these change is digested.
    """

    name: str
    thing: bool
    instances: int
    smallest: int
    parts: tuple[tuple[int, int], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A text that refers to regions of an image.

    targets: the segments of its label that the text means, counted from 0.
    """

    text: str
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a dataset as its index lists it: pointers and facts, no pixels.

    id: unique in the source, sorts the index; group: identity across datasets (such as the video or
    the photograph), never split between training and evaluation; width, height: pixels of the input
    image; license: of this record; files: name of the reader's choosing -> file; labels: the kinds
    that `load` can yield for it; classes, captions, expressions: what it shows; instructions: ways
    to say what turns the input into the edited image; camera: fx, fy, cx, cy in pixels; record: the
    annotation as the reader wants it back in `load`, opaque to the engine; fault: why the record is
    known to be unusable, "" if it is not; left_out: a line for each part of the record that cannot
    be used while the rest can, a reason in a few fixed words, ": " and which part; absent: of data
    whose annotators looked for some classes only, those that they did not find, None where every
    class that is not among `classes` is known to be absent; references: how many further pictures
    the question of an edit or of flow has besides the input: files reference1, reference2 ...

    What the filters of a source change (vbdata.core.relabel), never set by a reader: relabel: of
    each class that gets another name its name in the label, the other one, "" if it is dropped, and
    whether it can be counted; hidden: the places of instances that are too small, ascending, each
    with its class in the label.
    """

    id: str
    group: str
    width: int
    height: int
    license: str
    files: Mapping[str, FileRef]
    labels: tuple[str, ...]
    classes: tuple[ClassFact, ...] = ()
    captions: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()
    instructions: tuple[str, ...] = ()
    camera: tuple[float, float, float, float] | None = None
    record: bytes = b""
    fault: str = ""
    left_out: tuple[str, ...] = ()
    absent: tuple[str, ...] | None = None
    references: int = 0
    relabel: tuple[tuple[str, str, bool], ...] = ()
    hidden: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a source that is indexed by itself: a tar, a Parquet file, some of many files.

    name: for messages; kind: of the reader's choosing; files: all that its entries are made of.
    """

    name: str
    kind: str
    files: tuple[FileRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a source image becomes an output image: scaled, never up, then cropped. All in pixels.

    source, scaled: (width, height) before and after scaling; left, top: the crop's corner in the
    scaled image; width, height: of the crop, which is the output.
    """

    source: tuple[int, int]
    scaled: tuple[int, int]
    left: int
    top: int
    width: int
    height: int

    @property
    def identity(self) -> bool:
        """Whether nothing is scaled or cropped."""
        return self.source == self.scaled == (self.width, self.height)

    def pick(self, map_: Array) -> Array:
        """Resize and crop a map [..., H, W] of any dtype by nearest neighbours, without arithmetic.

        Output pixel i takes the source pixel in which its centre lies, floor((i + 1/2) source /
        scaled), in integers.
        """
        if self.identity:
            return map_
        sides = ((self.height, self.top, 1, -2), (self.width, self.left, 0, -1))
        for count, start, axis, dim in sides:
            scaled = np.arange(start, start + count)
            source = (2 * scaled + 1) * self.source[axis] // (2 * self.scaled[axis])
            if isinstance(map_, np.ndarray):
                map_ = map_.take(source, axis=dim)
            else:
                map_ = map_.index_select(dim, placed(source, map_.device))
        return map_


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a reader loads for one record.

    image: the bytes of an encoded file, or uint8 RGB [H, W, 3]; labels: kind -> label, of which
    captions are a tuple of strings and an edited image is like `image`; references: pictures like
    `image`, each of a size of its own, those of the entry if an edited image or flow is asked for.
    """

    image: bytes | NDArray[np.uint8]
    labels: Mapping[str, Any]
    references: tuple[bytes | NDArray[np.uint8], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a model is asked. instruction: the prompt, in English.

    params: what a decoder must know to read the answer, such as a legend; JSON values only.
    """

    instruction: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A dataset as a recipe uses it.

    name: its key in the recipe; dataset: its reader; roots: folders and archives that lie over one
    another, the first on top; tasks: name -> weight in the mixture; options: the arguments of the
    reader's `index`; filters: which of its records and classes are used.
    """

    name: str
    dataset: str
    roots: tuple[str, ...]
    tasks: Mapping[str, Decimal]
    options: Mapping[str, Any] = field(default_factory=dict)
    filters: Filters = field(default_factory=Filters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of a dataset's official release.

    path: what it unpacks to below the root, where a reader looks for it; archive: its file name as
    distributed, "" if it is no archive; url: where to download it; also: other paths below the root
    where it may lie.
    """

    path: str
    archive: str
    url: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """An official release, for some options of its reader.

    entries: how many records a complete index has, None if that is not published; downloads: the
    files it consists of.
    """

    entries: int | None
    downloads: tuple[Download, ...]
