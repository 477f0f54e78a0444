"""Synscapes: 25,000 streets, each rendered for one picture, with depth, classes and instances.

Licence: its own, for non-commercial use; a form is to be filled in. Layout:

    img/rgb/1.png           1440 x 720; img/rgb-2k, the same larger, has no labels of its size
    img/depth/1.exr         channel Z, float, metres of planar z
    img/class/1.png         8 bits: a label id of Cityscapes
    img/instance/1.png      8-bit RGB: R + 256 G + 65536 B is the number of an instance
    meta/1.json             {"camera": {"intrinsic": {"fx", "fy", "u0", "v0", "resx", "resy"}}}

- Sky: what the classes say is sky (label id 23): +inf and valid, whatever depth is stored there.
- segments (option): false offers none, and the index then opens no map.
- classes: evaluated, the 19 of Cityscapes' benchmark, or named, 27 (pipelines/cityscapes.py); all
  else is void, and so is 255 (inferred: a licence plate is -1). Pixels of a class that is counted
  are told apart by class and instance number; those of number 0 are one crowd (inferred).
- Normals: of depth; if that has 16 bits, which no page says, they are coarse. The camera is the
  JSON's, in pixels.
- Groups: each picture its own, as no two are of one scene.
- Boxes, occlusion and all else of meta are not read.

Nothing of it was seen here: layout and codes are those of the official page.

Sources: synscapes.on.liu.se/features.html; 7dlabs/synscapes-utils; CUT3R (preprocess_synscapes.py:
channel, sky); Wrenninge and Unger, "Synscapes", arXiv 1810.08705.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample

from .parts import cityscapes, depth_rules, maps, records, rendered, spans
from .parts import coded_segments as coded
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "Synscapes"
HOMEPAGE = "https://synscapes.on.liu.se"
LABELS = ("depth", "normals", "segments")
STORED = {
    "depth": "z",
    "unit": "m",
    "sky": "by class: 23",
    "invalid": "0, NaN",
    "normals": "made of depth",
}
FILES = {  # that a kind of label is read from
    "depth": ("depth", "classes"),
    "normals": ("depth", "classes"),
    "segments": ("classes", "instances"),
}

BELOW = rendered.LAYOUT_ROOT + r"img/"
LAYOUT = {
    "image": re.compile(rf"{BELOW}rgb/(?P<frame>\d+){rendered.PICTURE}"),
    "depth": re.compile(rf"{BELOW}depth/(?P<frame>\d+)\.exr"),
    "classes": re.compile(rf"{BELOW}class/(?P<frame>\d+)\.png"),
    "instances": re.compile(rf"{BELOW}instance/(?P<frame>\d+)\.png"),
    "meta": re.compile(rf"{rendered.LAYOUT_ROOT}meta/(?P<frame>\d+)\.json"),
}
CLASSES = {"evaluated": cityscapes.EVALUATED, "named": cityscapes.NAMED}
FRAMES = 25_000
DEPTH = {"kind": "z", "scale": 1, "channels": ["Z"]}
SKY, VOID = 23, 255


def index(
    root: Root,
    *,
    segments: bool = True,
    classes: str = "evaluated",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by number.

    segments: whether they are offered; classes: evaluated, 19, or named, 27; min_rgb_range,
    max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    _check(segments, classes)
    size = spans.MAPS if segments else spans.HEADS
    described = partial(_described, root, classes)
    frames = rendered.opened(root, _all(root, segments), described, size)
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its labels. Raises BadSample."""
    return rendered.load(root, entry, kinds, sky=_sky, segments=_segments)


def official(
    *,
    segments: bool = True,
    classes: str = "evaluated",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release: 25,000 frames, a folder for each kind of file."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    _check(segments, classes)
    paths = ["img/rgb", "img/depth", "img/class", "meta"] + ["img/instance"] * segments
    url = f"{HOMEPAGE}/download.html"
    return Official(
        entries=FRAMES,
        downloads=tuple(Download(path=path, archive="", url=url) for path in paths),
    )


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Unit and kind of depth, and whether the class sky is: (ok or warn, text, remedies)."""
    yield from rendered.doubts(root, entries, _sky)


def _check(segments: bool, classes: str) -> None:
    records.yes_or_no("segments", segments)
    records.one_of("classes", classes, CLASSES)


def _all(root: Root, segments: bool) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = rendered.frames(sizes, LAYOUT)
    if not any("image" in frame.files for frame in frames):
        example = {"image": "img/rgb/1.png", "depth": "img/depth/1.exr"}
        raise rendered.nothing(root, example)
    for frame in frames:
        yield _draft(frame, sizes, segments)


def _draft(frame: rendered.Frame, sizes: dict[str, int], segments: bool) -> Entry:
    number = frame.parts["frame"]
    expected = {
        "image": f"img/rgb/{number}.png",
        "depth": f"img/depth/{number}.exr",
        "classes": f"img/class/{number}.png",
        "meta": f"meta/{number}.json",
    }
    expected |= {"instances": f"img/instance/{number}.png"} if segments else {}
    labels = LABELS if segments else LABELS[:2]
    name, group = f"{int(number):05d}", f"synscapes:{number}"
    return rendered.entry(name, group, LICENSE, labels, frame, sizes, expected)


def _described(root: Root, classes: str, entry: Entry) -> Entry:
    data, path = rendered.small_file(root, entry.files["meta"])
    try:
        said = records.unpack(data)["camera"]["intrinsic"]
        numbers, size = (
            [said[key] for key in ("fx", "fy", "u0", "v0")],
            (said["resx"], said["resy"]),
        )
    except (ValueError, TypeError, LookupError, RecursionError) as err:
        detail = f"no camera.intrinsic with all its numbers: {type(err).__name__} {err!s:.60}"
        raise BadSample("garbled annotation", detail, path) from err
    if size != (entry.width, entry.height):
        detail = f"a camera of {size[0]}x{size[1]}, the picture is {entry.width}x{entry.height}"
        raise BadSample("wrong size", detail, path)
    camera = cameras.of_value(numbers, path, size)
    entry = rendered.coded(entry, camera, depth=DEPTH, classes=classes)
    if "segments" in entry.labels:
        codes, numbered = _codes(root, entry)
        entry = replace(entry, classes=coded.facts(_parts(codes, numbered, entry)))
    return entry


def _labels(root: Root, entry: Entry) -> NDArray[np.uint8]:
    """The label ids of an entry, uint8[H, W], void as 0. Raises BadSample."""
    stored = maps.grey(root, entry, "classes", np.uint8)
    records.check_size(stored.shape, entry, entry.files["classes"].path)
    return np.where(stored == VOID, np.uint8(0), stored)


def _sky(root: Root, entry: Entry) -> NDArray[np.bool_]:
    return np.asarray(_labels(root, entry) == SKY)


def _codes(root: Root, entry: Entry) -> tuple[NDArray[np.int64], int]:
    """N x label id + place of the instance among those of the picture, and N. Raises BadSample."""
    numbers = maps.colours(root, entry, "instances")
    starts, lengths = maps.runs(numbers)
    known, places = np.unique(numbers.ravel()[starts], return_inverse=True)
    first = int(known[0] != 0)  # 0 stays 0
    numbered = len(known) + first
    labels = _labels(root, entry).astype(np.int64)
    instances = np.repeat(places + first, lengths).reshape(numbers.shape)
    return labels * numbered + instances, numbered


def _parts(codes: NDArray[np.int64], numbered: int, entry: Entry) -> list[coded.Part]:
    kinds = CLASSES[records.unpack(entry.record)["classes"]]
    return coded.parts(codes, kinds, entry.files["classes"].path, numbered)


def _segments(root: Root, entry: Entry) -> Segments:
    codes, numbered = _codes(root, entry)
    parts = _parts(codes, numbered, entry)
    return coded.segments(coded.numbers(codes, parts, entry.files["classes"].path), parts)
