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

CLASSES = {
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
}  # the official name -> as a prompt says it, "" where there is nothing to say
VEHICLES = ("Car", "Van", "Truck")
VOID = "Undefined"
MOST_TRACKS = 255  # an index has 8 bits, and 0 is no track

Colors = dict[str, tuple[int, int, int]]
View = tuple[int, int]  # frame, camera
Focus = tuple[float, float, float, float]


def colors(root: Root, path: str) -> Colors:
    """Official class name -> its RGB. Raises SourceError unless it has the 15 classes."""
    found: Colors = {}
    kinds = {"Category": str, "r": int, "g": int, "b": int}
    for name, *rgb in _rows(root, path, kinds):
        if name not in CLASSES or name in found:
            known = choices(name, CLASSES.keys() - found.keys())
            raise SourceError(f"{path}: {name!r} is no class, or there twice{known}")
        red, green, blue = rgb
        if not 0 <= min(rgb) <= max(rgb) <= 255 or (red, green, blue) in found.values():
            raise SourceError(f"{path}: the colour of {name}, {rgb}, is no 8-bit RGB of its own")
        found[name] = red, green, blue
    if absent := CLASSES.keys() - found.keys():
        raise SourceError(f"{path}: no colour for {', '.join(sorted(absent))}")
    return found


def lenses(root: Root, path: str) -> dict[View, Focus]:
    """fx, fy, cx, cy in pixels of every frame and camera."""
    found: dict[View, Focus] = {}
    names = ("K[0,0]", "K[1,1]", "K[0,2]", "K[1,2]")
    kinds = {"frame": int, "cameraID": int} | dict.fromkeys(names, float)
    for frame, camera, *focus in _rows(root, path, kinds):
        fx, fy, cx, cy = focus
        if not all(map(math.isfinite, focus)) or min(fx, fy) <= 0:
            raise SourceError(f"{path}: frame {frame}, camera {camera}: {focus} is no pinhole")
        _once(path, found, (frame, camera), (fx, fy, cx, cy))
    return found


def tracks(root: Root, path: str) -> dict[int, str]:
    """trackID -> label."""
    found: dict[int, str] = {}
    for track, label in _rows(root, path, {"trackID": int, "label": str}):
        if not 0 <= track < MOST_TRACKS:
            raise SourceError(f"{path}: track {track}, expected 0 to {MOST_TRACKS - 1}")
        _once(path, found, track, label)
    return found


def boxes(root: Root, path: str) -> Mapping[View, dict[int, int]]:
    """trackID -> visible pixels, for every frame and camera that has any."""
    found: dict[View, dict[int, int]] = defaultdict(dict)
    kinds = dict.fromkeys(("frame", "cameraID", "trackID", "number_pixels"), int)
    for frame, camera, track, pixels in _rows(root, path, kinds):
        _once(path, found[frame, camera], track, pixels)
    return found


def _rows(
    root: Root, path: str, kinds: Mapping[str, Callable[[str], Any]]
) -> Iterator[tuple[Any, ...]]:
    """Some columns, by name. Raises SourceError with the line that cannot be read."""
    text = records.source_bytes(root, path, "of vkitti_2.0.3_textgt.tar.gz")
    lines = text.decode("ascii", "replace").splitlines()
    head = lines[0].split() if lines else []
    if absent := [name for name in kinds if name not in head]:
        raise SourceError(f"{path}: no column {absent[0]!r} in its first line, {' '.join(head)!r}")
    wanted = [(head.index(name), kind) for name, kind in kinds.items()]
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        try:
            if words:
                yield tuple(kind(words[at]) for at, kind in wanted)
        except (IndexError, ValueError) as err:
            expected = f"expected {' '.join(head)}"
            raise SourceError(f"{path}, line {number}: {line[:80]!r}, {expected}") from err


def _once(path: str, found: dict[Any, Any], key: Any, value: Any) -> None:
    """Keep a value. Raises SourceError if there is another one for the same key."""
    if found.setdefault(key, value) != value:
        raise SourceError(f"{path}: {key} has two values, {found[key]} and {value}")
