"""Virtual KITTI 2's class colours and instance indices, joined to one partition of the image.

classgt decides the class of every pixel. A vehicle's pixel belongs to the track that instancegt
gives it, if that track is listed for the frame and of the same class; all other pixels of a vehicle
class are one crowd of it. Every other class is one segment. Misc, which is whatever has no class of
its own, is no segment but valid; Undefined is not valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample

from ...formats import palettes
from .. import maps, records
from ..class_facts import Seen, by_class
from .tables import CLASSES, MOST_TRACKS, VEHICLES, VOID, Colors

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

Track = tuple[int, str]  # trackID and official class name


class Runs(NamedTuple):
    """Runs of pixels of one class and instance, in reading order; arrays [N].

    lengths: pixels; classes: rows of colors.txt; instances: trackID + 1, 0 for none.
    """

    lengths: NDArray[np.intp]
    classes: NDArray[np.intp]
    instances: NDArray[np.uint8]


class Part(NamedTuple):
    """A segment. name: its class as prompts say it; thing: countable; crowd: not told apart."""

    name: str
    thing: bool
    crowd: bool


def runs(root: Root, entry: Entry, colors: Colors) -> Runs:
    """The entry's class and instance images as runs. Raises BadSample."""
    colours = maps.colours(root, entry, "classes")
    instances = np.zeros(colours.shape, np.uint8)
    if "instances" in entry.files:
        path = entry.files["instances"].path
        instances = palettes.indices(records.read(root, entry, "instances"), path)
        records.check_size(instances.shape, entry, path)
    starts, lengths = maps.runs(colours, instances)
    of_runs = colours.ravel()[starts].astype(np.int64)
    classes = _rows_of(of_runs, colors, entry.files["classes"].path)
    return Runs(lengths, classes, instances.ravel()[starts])


def partition(
    seen: Runs, colors: Colors, tracks: Sequence[Track]
) -> tuple[list[Part], NDArray[np.int32]]:
    """The segments, listed tracks first, and for each run the number of its segment.

    Numbers count from 1; int32[N], 0 for runs that are in no segment.
    """
    names = list(colors)
    parts: list[Part] = []
    table = np.zeros((len(names), MOST_TRACKS + 1), np.int32)
    for track, name in tracks:
        parts.append(Part(CLASSES[name], thing=True, crowd=False))
        table[names.index(name), track + 1] = len(parts)
    rest = table[seen.classes, seen.instances] == 0
    for row in np.unique(seen.classes[rest]):
        name = names[row]
        if CLASSES[name]:
            vehicle = name in VEHICLES
            parts.append(Part(CLASSES[name], thing=vehicle, crowd=vehicle))
            table[row][table[row] == 0] = len(parts)
    return parts, table[seen.classes, seen.instances]


def segments(root: Root, entry: Entry, colors: Colors, tracks: Sequence[Track]) -> Segments:
    """The segments of an entry as a label. Raises BadSample."""
    seen = runs(root, entry, colors)
    parts, numbers = partition(seen, colors, tracks)
    size = entry.height, entry.width
    labelled = seen.classes != list(colors).index(VOID)
    return Segments(
        ids=np.repeat(numbers, seen.lengths).reshape(size),
        classes=tuple(part.name for part in parts),
        things=tuple(part.thing for part in parts),
        crowds=tuple(part.crowd for part in parts),
        valid=np.repeat(labelled, seen.lengths).reshape(size),
    )


def shown(
    root: Root, entry: Entry, colors: Colors, tracks: Sequence[Track]
) -> tuple[list[Track], tuple[ClassFact, ...]]:
    """Which of the tracks the images show, and what they show of every class. Raises BadSample."""
    seen = runs(root, entry, colors)
    parts, numbers = partition(seen, colors, tracks)
    sizes = np.bincount(numbers, weights=seen.lengths, minlength=len(parts) + 1)[1:].astype(int)
    visible = [track for track, size in zip(tracks, sizes, strict=False) if size]
    facts = by_class(
        Seen(*part, int(size)) for part, size in zip(parts, sizes, strict=True) if size
    )
    return visible, facts


def _rows_of(packed: NDArray[np.int64], colors: Colors, path: str) -> NDArray[np.intp]:
    """For each packed colour its row in colors.txt. Raises BadSample("unknown category")."""
    known = np.array([red + 256 * green + 65536 * blue for red, green, blue in colors.values()])
    order = np.argsort(known)
    places = order[np.searchsorted(known, packed, sorter=order).clip(max=len(known) - 1)]
    if (wrong := known[places] != packed).any():
        strange = int(packed[wrong.argmax()])
        rgb = f"{strange & 255} {strange >> 8 & 255} {strange >> 16}"
        raise BadSample("unknown category", f"colour {rgb} is not in colors.txt", path)
    return places
