"""The nouns of the engine: frozen records that one stage passes to the next.

Everywhere: lengths in metres, camera axes of OpenCV (+x right, +y down, +z forward). Labels are in
vbdata.core.labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, placed
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

    name: for messages; kind: of the reader's choosing; files: all that its entries are made of;
    about: what else the reader knows of it, which is pickled for other processes.
    """

    name: str
    kind: str
    files: tuple[FileRef, ...]
    about: object = None


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
