"""Hypersim's semantic and semantic_instance images as segments: which class, which instance.

semantic: 1 to 40, the classes of NYU40, -1 where nobody labelled; semantic_instance: numbers of
the scene, from 1 (thousands in a scene with bookshelves), -1 where there is none. The two were
labelled independently (issue #49): an instance may have parts of several classes.

- a segment is all pixels of one class and instance, so an instance of two classes is two segments.
- wall, floor and ceiling are stuff, as public panoptic code for NYU40 has them; so are, by our
  choice, the three catch-all classes, other structure, furniture and prop: a prompt could not count
  them. Stuff is one segment a class, whatever its instances. The other 34 classes are things.
- a thing's pixels without an instance are one crowd of their class.
- unlabelled pixels are void, not valid, even if they have an instance.
- segments are numbered by class, in a class by instance, its crowd first.

Sources: ml-hypersim, code/cpp/tools/scene_annotation_tool/semantic_label_descs.csv,
code/python/tools/scene_generate_images_semantic_segmentation.py, issues #12, #49 and #101; Gupta
et al., CVPR 2013 (NYU40).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from ..class_facts import Seen, by_class
from ..maps import runs

if TYPE_CHECKING:
    from vbdata.core.labels import Segments

NYU40 = (  # class 1 and on; in the table: bookshelf, floormat, showercurtain, otherstructure ...
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror"),
    *("floor mat", "clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel"),
    *("shower curtain", "box", "whiteboard", "person", "nightstand", "toilet", "sink", "lamp"),
    *("bathtub", "bag", "other structure", "other furniture", "other prop"),
)
STUFF = {"wall", "floor", "ceiling", "other structure", "other furniture", "other prop"}
NOBODY = -1  # stored where nobody labelled a pixel, or where it has no instance

_CLASS = 1 << 16  # a segment's key is class x 65536 + instance; instance 0 is stuff or a crowd
_IS_STUFF = np.array([False, *(name in STUFF for name in NYU40)])


class Partition(NamedTuple):
    """The segments of a frame.

    ids: int32[H, W], the number of each pixel's segment, from 1, 0 = void; keys, sizes: int64[n],
    each segment's key (_CLASS) and its pixels.
    """

    ids: NDArray[np.int32]
    keys: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def names(self) -> list[str]:
        """The class of each segment."""
        return [NYU40[key // _CLASS - 1] for key in self.keys.tolist()]

    @property
    def crowds(self) -> list[bool]:
        """For each segment whether it is things that were not told apart."""
        pairs = zip(self.names, self.keys.tolist(), strict=True)
        return [name not in STUFF and key % _CLASS == 0 for name, key in pairs]


def partition(
    semantic: NDArray[np.int16], instance: NDArray[np.int16], files: tuple[str, str]
) -> Partition:
    """The segments of a frame's two images, int16[H, W] each.

    files: their paths, for messages. Raises BadSample: "unknown category" for a class, "out of
    range" for an instance that is none.
    """
    starts, lengths = runs(semantic, instance)
    kind, number = (each.ravel()[starts].astype(np.int64) for each in (semantic, instance))
    if (strange := (kind == 0) | (kind < NOBODY) | (kind > len(NYU40))).any():
        detail = f"class {kind[strange][0]}, expected -1 or 1 to {len(NYU40)}"
        raise BadSample("unknown category", detail, files[0])
    if (strange := (number == 0) | (number < NOBODY)).any():
        detail = f"instance {number[strange][0]}, expected -1 or 1 and on"
        raise BadSample("out of range", detail, files[1])
    void = kind == NOBODY
    alone = (number > 0) & ~_IS_STUFF[np.where(void, 0, kind)]
    key = np.where(void, 0, kind * _CLASS + np.where(alone, number, 0))
    keys, places = np.unique(np.append(0, key), return_inverse=True)  # void is always the first
    sizes = np.bincount(places[1:], weights=lengths, minlength=len(keys)).astype(np.int64)
    ids = np.repeat(places[1:].astype(np.int32), lengths).reshape(semantic.shape)
    return Partition(ids, keys[1:], sizes[1:])


def facts(whole: Partition) -> tuple[ClassFact, ...]:
    """What an index says of a frame, by class name."""
    parts = zip(whole.names, whole.crowds, whole.sizes.tolist(), strict=True)
    return by_class(Seen(name, name not in STUFF, crowd, size) for name, crowd, size in parts)


def segments(whole: Partition) -> Segments:
    """A frame's partition as a label; void is not valid."""
    from vbdata.core.labels import Segments

    ids = whole.ids
    return Segments(
        ids=ids,
        classes=tuple(whole.names),
        things=tuple(name not in STUFF for name in whole.names),
        crowds=tuple(whole.crowds),
        valid=ids > 0,
    )
