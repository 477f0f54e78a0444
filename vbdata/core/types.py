"""The nouns of the engine: plain frozen records that every stage passes to the next.

Camera frame everywhere inside: OpenCV axes, +x right, +y down, +z forward, metres.
Label tensors may live on any device; a label owns the rule by which it is resized.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

Cell = tuple[str, str]  # (source, task): what a recipe's mixture gives a share of the samples


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file of a record: path below the source's root, size in bytes (-1: not there)."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFact:
    """What the index knows of one class in one image.

    thing: countable; instances: labelled one by one (crowds left out);
    smallest: area in pixels of the smallest of them (0 without instances).
    """

    name: str
    thing: bool
    instances: int
    smallest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A text that refers to regions. targets: which segments of the label, counted from 0."""

    text: str
    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record of a dataset as its index sees it: pointers and facts, no pixels.

    group: what must never be split between training and evaluation; labels: kinds that `load`
    can yield for it; instructions: ways to say what turns the input into the edited image;
    camera: fx, fy, cx, cy in pixels; record: the annotation as its reader wants it back (opaque to
    the engine); fault: why the record is known to be unusable, "" if it is not.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How a source image becomes an output image: scale (never up), then crop. All in pixels."""

    source: tuple[int, int]
    scaled: tuple[int, int]
    left: int
    top: int
    width: int
    height: int

    @property
    def identity(self) -> bool:
        """Whether pixels come out as they went in."""
        return self.source == self.scaled == (self.width, self.height)

    def pick(self, map_: Tensor) -> Tensor:
        """Nearest-neighbour resize and crop of [..., H, W], in exact integer arithmetic."""
        import torch

        if self.identity:
            return map_
        wanted = ((self.height, self.top, 1, -2), (self.width, self.left, 0, -1))
        for count, start, axis, dim in wanted:
            at = torch.arange(start, start + count, device=map_.device)
            at = torch.div(
                (2 * at + 1) * self.source[axis], 2 * self.scaled[axis], rounding_mode="floor"
            )
            map_ = map_.index_select(dim, at)
        return map_


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Planar depth. metres: float32[..., H, W] along +z, +inf = sky; valid: bool[..., H, W]."""

    metres: Tensor
    valid: Tensor

    def fit(self, geometry: Geometry) -> Depth:
        """Nearest: a mean of two depths across an edge is a surface that does not exist."""
        return Depth(metres=geometry.pick(self.metres), valid=geometry.pick(self.valid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Normals:
    """Surface normals. xyz: float32[..., 3, H, W], unit, OpenCV camera frame, facing the camera.

    valid: bool[..., H, W]; sky: bool[..., H, W], pixels that have no surface at all.
    """

    xyz: Tensor
    valid: Tensor
    sky: Tensor

    def fit(self, geometry: Geometry) -> Normals:
        """Nearest, so that a unit vector stays one and no edge is smeared."""
        return Normals(
            xyz=geometry.pick(self.xyz),
            valid=geometry.pick(self.valid),
            sky=geometry.pick(self.sky),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """A partition of the image. ids: int32[..., H, W], 0 = none, k = segment k-1.

    classes, things, crowds: a class name, whether it is countable, and whether it is an unsplit
    group, for each segment; valid: bool[..., H, W], False where the annotators left a void.
    """

    ids: Tensor
    classes: tuple[str, ...]
    things: tuple[bool, ...]
    crowds: tuple[bool, ...]
    valid: Tensor

    def fit(self, geometry: Geometry) -> Segments:
        """Nearest: an id between two ids is a third object."""
        return replace(self, ids=geometry.pick(self.ids), valid=geometry.pick(self.valid))


Label = Depth | Normals | Segments


def moved(label: Label, device: str) -> Label:
    """The same label with its tensors on another device."""
    from torch import Tensor

    parts: dict[str, Any] = {f.name: getattr(label, f.name) for f in fields(label)}
    for name, part in parts.items():
        parts[name] = part.to(device) if isinstance(part, Tensor) else part
    return replace(label, **parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a reader yields. image: an encoded file's bytes, or uint8 RGB [H, W, 3].

    labels: kind -> label; captions are a tuple of strings, an edited image is like `image`.
    """

    image: bytes | NDArray[np.uint8]
    labels: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A prompt, and what the decoder must know to read the answer (JSON-safe values only)."""

    instruction: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A dataset as a recipe uses it. tasks: name -> weight; options go to the reader's index.

    roots: folders and archives that lie over one another, the first on top.
    """

    name: str
    dataset: str
    roots: tuple[str, ...]
    tasks: Mapping[str, Decimal]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file of a dataset's official release.

    path: what it unpacks to below the root, and what a reader looks for; archive: its name as
    distributed ("" if it is no archive); url: where it is to be had; also: other places for it.
    """

    path: str
    archive: str
    url: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """The release for some options of a reader. entries: of a whole index; None: not published."""

    entries: int | None
    downloads: tuple[Download, ...]
