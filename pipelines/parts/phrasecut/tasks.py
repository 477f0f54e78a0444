"""PhraseCut's files: phrases with the outlines of what they mean, and which picture each is of.

A file of phrases has 344 MB, most of it corners, which stay text until they are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample, SourceError

from .. import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

NAME = re.compile(r"[\w-]{1,200}")
FARTHEST = 1 << 14  # pixels that a corner may be away
MOST_CORNERS = 100_000
FEWEST = 2  # corners of a polygon that is drawn: a line, at least

Instances = list[list[list[int]]]  # of each its polygons: x, y, x, y, ...


class Task(msgspec.Struct, gc=False):
    """A phrase as its file has it, with any value of JSON under the keys that are read."""

    task_id: Any = None
    image_id: Any = None
    phrase: Any = None
    phrase_structure: Any = None
    Polygons: msgspec.Raw = msgspec.Raw(b"null")


class Picture(NamedTuple):
    """What is known of a picture of Visual Genome. coco: its id in COCO, -1 if it is none of it."""

    width: int
    height: int
    coco: int


def tasks(root: Root, path: str) -> Iterator[Task | None]:
    """The phrases of a file in its order, None for one that is no object. Raises SourceError."""
    for item in _listed(root, path, "phrases"):
        try:
            yield msgspec.json.decode(item, type=Task)
        except (msgspec.DecodeError, RecursionError):
            yield None


def pictures(root: Root, path: str, split: str) -> dict[int, Picture]:
    """The pictures of a split by id. Those that say no id or size are left out. SourceError."""
    found: dict[int, Picture] = {}
    for item in _listed(root, path, "pictures"):
        try:
            each = msgspec.json.decode(item)
        except (msgspec.DecodeError, RecursionError):
            continue
        if not isinstance(each, dict) or each.get("split") != split:
            continue
        number, width, height = (each.get(key) for key in ("image_id", "width", "height"))
        if not (records.whole(number) and records.whole(width) and records.whole(height)):
            continue
        if 0 < width * height <= MAX_PIXELS:
            coco = each.get("coco_id")
            known = coco if records.whole(coco) and coco < 10**12 else -1
            found[number] = Picture(width, height, known)
    return found


def _listed(root: Root, path: str, what: str) -> list[msgspec.Raw]:
    data = records.without_mark(records.source_bytes(root, path, what))
    try:
        return msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as err:
        raise SourceError(f"{path}: not readable as a JSON list of {what}: {err}") from err


def instances(task: Task) -> Instances:
    """The outlines of what a phrase means, corners cut to whole numbers. Raises BadSample."""
    try:
        given = msgspec.json.decode(bytes(task.Polygons))
    except (msgspec.DecodeError, RecursionError) as err:
        raise _garbled(f"its Polygons are no JSON: {err}") from err
    if not isinstance(given, list) or not all(isinstance(each, list) for each in given):
        raise _garbled(f"its Polygons are {given!r:.60}, expected a list for each instance")
    found = [[_corners(polygon) for polygon in each] for each in given]
    return [[polygon for polygon in each if len(polygon) >= 2 * FEWEST] for each in found]


def _corners(polygon: Any) -> list[int]:
    try:
        corners = np.array(polygon, np.float64)
    except (TypeError, ValueError):
        corners = np.zeros(0)
    if not len(corners) and polygon == []:
        return []
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) > MOST_CORNERS:
        raise _garbled(f"a polygon is {polygon!r:.60}, expected [x, y] pairs")
    if not np.isfinite(corners).all() or np.abs(corners).max() > FARTHEST:
        raise BadSample("out of range", f"a polygon leads {FARTHEST} pixels away")
    return [int(value) for value in np.trunc(corners).ravel().tolist()]


def drawn(polygons: list[list[int]], width: int, height: int) -> NDArray[np.bool_]:
    """bool[H, W]: what polygons cover, their outlines too, as the official code draws them."""
    from PIL import Image, ImageDraw

    picture = Image.new("L", (width, height), 0)
    for corners in polygons:
        ImageDraw.Draw(picture).polygon(corners, fill=1, outline=1)
    return np.asarray(picture) > 0


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)
