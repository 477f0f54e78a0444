"""Structured3D: rendered rooms of 3,500 designed homes: depth, normals, albedo, 40 classes.

Licence: its own terms, agreed to by a form: research only [inferred]. Layout, below Structured3D/
or not, ROOM and VIEW being numbers, {full,empty} the furniture:

    scene_00000/2D_rendering/ROOM/perspective/full/VIEW/rgb_rawlight.png      1280 x 720
    .../depth.png            uint16, millimetres, planar z [inferred], 0 = none
    .../normal.png           8 bits, v = 128 (1 + n)
    .../albedo.png           8 bits, RGB
    .../semantic.png         8 bits, NYU40, 0 = none
    .../instance.png         uint16, 65535 = background; of full alone
    .../camera_pose.txt      eye, view direction, up, half angles of view across and down, 1

- Normals are in the camera's axes. Which these are is in no file: an author says that R is along
  the view, G up, and B follows in a left-handed system (issue #61), so [forward, up, left] is the
  default of the option `frame`. `vbdata doctor` compares with depth in all 48 ways; where another
  fits, set it.
- A window shows nothing behind it: no depth, and so no albedo. None of it is known to be the sky.
- Albedo is on the curve of sRGB, as the pictures are [inferred].
- Depth and normals were smoothed as pictures are, so edges have values between two surfaces
  (issue #11).
- Camera: fx = width / 2 / tan of the half angle, its centre that of the picture.
- Segments: parts/hypersim/segments.py, where NYU40 is read alike; a background pixel of a thing is
  of a crowd. Only pixels say which classes a picture has, so `segments: true` opens two files a
  frame while indexing.
- Panoramas are not read: no pinhole sees all around. Part 09 of the zips of furnished views is
  damaged as it is published.
- Splits: scenes 0 to 2999, to 3249, to 3499. The six scenes that the errata call invalid are left
  out; of the rooms in it only layouts are wrong, which are not read.
- Groups: the scene.

Nothing of it was seen here: format and codes are those of the authors' pages.

Sources: bertjiazheng/Structured3D at a1aa97f (README, data_organization.md, metadata and
misc/utils.py), issues #11, #24, #61; Zheng et al., "Structured3D", ECCV 2020.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import depth_rules, records, rendered, spans
from .parts import structured3d as maps
from .parts.folders import cameras, normals
from .parts.folders import doubts as checks

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "Structured3D Terms of Use"
HOMEPAGE = "https://structured3d-dataset.org"
LABELS = ("depth", "normals", "albedo", "segments")
OFFERED = LABELS[:3]  # unless the option segments asks for more
FILES = {"albedo": ("albedo", "depth"), "segments": ("semantic", "instance")}
SPLITS = {"train": (0, 2999), "val": (3000, 3249), "test": (3250, 3499), "all": (0, 3499)}
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {
    f"structured3d-{split}": {"split": split} for split in ("val", "test")
}
INVALID = frozenset(f"scene_{number:05d}" for number in (1155, 1192, 1714, 1816, 1852, 3398))

FURNITURE = ("full", "empty")
PLACE = (
    r"(?P<scene>scene_\d{5})/2D_rendering/(?P<room>[^/]+)/perspective/"
    r"(?P<furniture>full|empty)/(?P<view>[^/]+)/"
)
PATTERNS = {
    "image": re.compile(f"{rendered.LAYOUT_ROOT}{PLACE}rgb_rawlight{rendered.PICTURE}"),
    "depth": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}depth\.png"),
    "normals": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}normal\.png"),
    "albedo": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}albedo\.png"),
    "semantic": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}semantic\.png"),
    "instance": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}instance\.png"),
    "pose": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}camera_pose\.txt"),
}
LAYOUT = {  # what there must be
    role: re.compile(PATTERNS[role].pattern.replace("full|empty", "full"))
    for role in ("image", "depth")
}
NAMES = {
    **{"image": "rgb_rawlight.png", "depth": "depth.png", "normals": "normal.png"},
    **{"albedo": "albedo.png"},
}
LABELLED = {"semantic": "semantic.png", "instance": "instance.png"}
DEPTH = {"scale": 1000.0, "kind": "z", "invalid": [0]}
FRAME = ("forward", "up", "left")
STORED = {
    "depth": "z [inferred]",
    "unit": "mm",
    "sky": "none known",
    "invalid": "0",
    "normals": "forward, up, left [inferred]",
}


def index(
    root: Root,
    *,
    split: str = "train",
    furniture: str = "full",
    frame: Sequence[str] = FRAME,
    segments: bool = False,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The perspective views of a split by scene, room and number.

    split: train, val, test or all; furniture: full or empty; frame: where the stored x, y and z of
    normals point, as in the reader folders; segments: whether records offer them, which opens two
    files each; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises
    SourceError if there are none.
    """
    axes = _checked(split, furniture, frame, segments)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed = _all(root, split, furniture, segments)
    size = spans.MAPS if segments else spans.HEADS
    views = rendered.opened(root, listed, lambda entry: _described(root, entry, axes), size)
    return depth_rules.kept(views, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its labels. Raises BadSample."""
    geometric = [kind for kind in kinds if kind != "albedo"]
    found = rendered.load(root, entry, geometric, segments=maps.segments)
    if len(geometric) == len(kinds):
        return found
    return replace(found, labels={**found.labels, "albedo": maps.albedo(root, entry, DEPTH)})


def official(
    *,
    split: str = "train",
    furniture: str = "full",
    frame: Sequence[str] = FRAME,
    segments: bool = False,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release, of which a form gives the links; how many views it has is not published."""
    _checked(split, furniture, frame, segments)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    path, archive = f"scene_{SPLITS[split][0]:05d}", f"Structured3D_perspective_{furniture}_00.zip"
    also = (f"Structured3D/{path}",)
    return Official(
        entries=None, downloads=(Download(path=path, archive=archive, url=HOMEPAGE, also=also),)
    )


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    number = int(parts["scene"].rpartition("_")[2])
    split = next(name for name, (first, last) in SPLITS.items() if first <= number <= last)
    return {"split": split}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some views say of depth, and of the option frame: (ok or warn, a sentence, remedies)."""
    yield from checks.doubts(root, entries)


def _checked(
    split: str, furniture: str, frame: Sequence[str], segments: bool
) -> tuple[str, str, str]:
    """The frame, if all options are choices. Raises SourceError."""
    records.one_of("split", split, SPLITS)
    records.one_of("furniture", furniture, FURNITURE)
    records.yes_or_no("segments", segments)
    axes = normals.axes_of(list(frame) if isinstance(frame, tuple) else frame)
    if axes is None:
        known = f"three of {', '.join(normals.AXES)}, one of each axis, or opencv or opengl"
        raise SourceError(f"frame: {frame!r:.60} is none; {known}")
    return axes


def _all(root: Root, split: str, furniture: str, segments: bool) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    first, last = (f"scene_{number:05d}" for number in SPLITS[split])
    frames = [
        frame
        for frame in rendered.frames(sizes, PATTERNS)
        if first <= frame.parts["scene"] <= last
        and frame.parts["furniture"] == furniture
        and frame.parts["scene"] not in INVALID
    ]
    if not frames:
        view = f"{first}/2D_rendering/ROOM/perspective/{furniture}/0"
        where = {"image": f"{view}/rgb_rawlight.png", "depth": "depth.png beside them"}
        raise rendered.nothing(root, where)
    for frame in frames:
        yield _entry(frame, segments, sizes)


def _entry(frame: rendered.Frame, segments: bool, sizes: dict[str, int]) -> Entry:
    scene, room, furniture, view = frame.parts.values()
    above = f"{scene}/2D_rendering/{room}/perspective/{furniture}/{view}"
    labelled = segments and furniture == "full"
    names = {**NAMES, **(LABELLED if labelled else {}), "pose": "camera_pose.txt"}
    expected = {role: f"{above}/{name}" for role, name in names.items()}
    labels = LABELS if labelled else LABELS[:3]
    name = f"{scene}/{room}/{furniture}/{view}"
    return rendered.entry(name, f"structured3d:{scene}", LICENSE, labels, frame, sizes, expected)


def _described(root: Root, entry: Entry, axes: tuple[str, str, str]) -> Entry:
    """The entry with its camera, and the classes of its segments. Raises BadSample."""
    data, path = rendered.small_file(root, entry.files["pose"])
    try:
        across, down = (float(word) for word in data.decode("utf-8", "replace").split()[9:11])
    except ValueError as err:
        raise BadSample("garbled annotation", f"no half angles of view: {err}", path) from err
    if not (0 < across < math.pi / 2 and 0 < down < math.pi / 2):
        raise BadSample("out of range", f"half angles of view {across:g}, {down:g}", path)
    fx, fy = entry.width / 2 / math.tan(across), entry.height / 2 / math.tan(down)
    numbers = (fx, fy, (entry.width - 1) / 2, (entry.height - 1) / 2)
    files = {role: each for role, each in entry.files.items() if role != "pose"}
    entry = replace(entry, files=files)
    if "segments" in entry.labels:
        entry = replace(entry, classes=maps.facts(root, entry))
    vectors = {"frame": list(axes), "coding": "png128"}
    camera = cameras.checked(numbers, path)
    return rendered.coded(entry, camera, depth=DEPTH, normals=vectors)
