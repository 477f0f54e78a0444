"""Virtual KITTI 2's text files: words between spaces; the first line names the columns.

colors.txt      Category r g b                              a class and its colour in classgt
intrinsic.txt   frame cameraID K[0,0] K[1,1] K[0,2] K[1,2]
info.txt        trackID label model color
bbox.txt        frame cameraID trackID left right top bottom number_pixels ...
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vbdata.errors import SourceError, choices

from .. import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

CLASSES = {  # the official name -> as prompts say it, "" for what they cannot name
    "Terrain": "terrain",
    "Sky": "sky",
    "Tree": "tree",
    "Vegetation": "vegetation",
    "Building": "building",
    "Road": "road",
    "GuardRail": "guard rail",
    "TrafficSign": "traffic sign",
    "TrafficLight": "traffic light",
    "Pole": "pole",
    "Misc": "",
    "Truck": "truck",
    "Car": "car",
    "Van": "van",
    "Undefined": "",
}
VEHICLES = ("Car", "Van", "Truck")
VOID = "Undefined"
MOST_TRACKS = 255  # a pixel of the instance image has 8 bits, and 0 is no track

Colors = dict[str, tuple[int, int, int]]
View = tuple[int, int]  # frame, camera
Focus = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels


def colors(root: Root, path: str) -> Colors:
    """Official class name -> its colour in classgt, in the order of the file.

    Raises SourceError unless the file has exactly the 15 classes, each in a colour of its own.
    """
    by_name: Colors = {}
    kinds = {"Category": str, "r": int, "g": int, "b": int}
    for name, *rgb in _rows(root, path, kinds):
        if name not in CLASSES or name in by_name:
            known = choices(name, CLASSES.keys() - by_name.keys())
            raise SourceError(f"{path}: {name!r} is no class, or there twice{known}")
        red, green, blue = rgb
        if not 0 <= min(rgb) <= max(rgb) <= 255 or (red, green, blue) in by_name.values():
            raise SourceError(f"{path}: the colour of {name}, {rgb}, is no 8-bit RGB of its own")
        by_name[name] = red, green, blue
    if absent := CLASSES.keys() - by_name.keys():
        raise SourceError(f"{path}: no colour for {', '.join(sorted(absent))}")
    return by_name


def lenses(root: Root, path: str) -> dict[View, Focus]:
    """(frame, camera) -> fx, fy, cx, cy in pixels. Raises SourceError."""
    by_view: dict[View, Focus] = {}
    names = ("K[0,0]", "K[1,1]", "K[0,2]", "K[1,2]")
    kinds = {"frame": int, "cameraID": int} | dict.fromkeys(names, float)
    for frame, camera, *focus in _rows(root, path, kinds):
        fx, fy, cx, cy = focus
        if not all(map(math.isfinite, focus)) or min(fx, fy) <= 0:
            raise SourceError(f"{path}: frame {frame}, camera {camera}: {focus} is no pinhole")
        _once(path, by_view, (frame, camera), (fx, fy, cx, cy))
    return by_view


def tracks(root: Root, path: str) -> dict[int, str]:
    """trackID -> official class name. Raises SourceError."""
    by_id: dict[int, str] = {}
    for track, label in _rows(root, path, {"trackID": int, "label": str}):
        if not 0 <= track < MOST_TRACKS:
            raise SourceError(f"{path}: track {track}, expected 0 to {MOST_TRACKS - 1}")
        _once(path, by_id, track, label)
    return by_id


def boxes(root: Root, path: str) -> Mapping[View, dict[int, int]]:
    """(frame, camera) -> trackID -> visible pixels. Raises SourceError."""
    by_view: dict[View, dict[int, int]] = defaultdict(dict)
    kinds = dict.fromkeys(("frame", "cameraID", "trackID", "number_pixels"), int)
    for frame, camera, track, pixels in _rows(root, path, kinds):
        _once(path, by_view[frame, camera], track, pixels)
    return by_view


def _rows(
    root: Root, path: str, kinds: Mapping[str, Callable[[str], Any]]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a text file, some columns only. kinds: column -> how its words are parsed.

    Raises SourceError with the line that cannot be read.
    """
    text = records.source_bytes(root, path, "of vkitti_2.0.3_textgt.tar.gz")
    lines = records.without_mark(text).decode("ascii", "replace").splitlines()
    head = lines[0].split() if lines else []
    if absent := [name for name in kinds if name not in head]:
        raise SourceError(f"{path}: no column {absent[0]!r} in its first line, {' '.join(head)!r}")
    wanted = [(head.index(name), kind) for name, kind in kinds.items()]
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        try:
            if words:
                yield tuple(kind(words[column]) for column, kind in wanted)
        except (IndexError, ValueError) as err:
            expected = f"expected {' '.join(head)}"
            raise SourceError(f"{path}, line {number}: {line[:80]!r}, {expected}") from err


def _once(path: str, table: dict[Any, Any], key: Any, value: Any) -> None:
    """Add a value to a table. Raises SourceError if its key has another value already."""
    if table.setdefault(key, value) != value:
        raise SourceError(f"{path}: {key} has two values, {table[key]} and {value}")
