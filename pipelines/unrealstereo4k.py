"""UnrealStereo4K: 8,200 rendered stereo pairs of nine places, 3840 x 2160, with disparity of both.

Licence: MIT, by its page on the Hub. Layout of UnrealStereo4K_00000.zip to _00008.zip, unpacked or
as they lie:

    00000/{Image0,Image1}/00000.png             8 bits, RGBA; 0 is the left camera
    00000/{Disp0,Disp1}/00000.npy               float32, pixels
    00000/{Extrinsics0,Extrinsics1}/00000.txt   two lines: K, 9 numbers; world to camera, 3 x 4

- camera: left, right or both. scenes: names, or all.
- Depth: z = fx b / d. The baseline b is the distance between the two cameras of the frame, from
  both of its files: 0.2 m indoors, 0.5 m outdoors, others in 00000, by the author; it is never
  taken for granted. Metres, as these baselines are.
- From 10,000 m on it is sky, +inf and valid (inferred: converters leave these pixels out). A
  disparity of 0 is not valid, as in the authors' code.
- Alpha is dropped. Poses are left-handed; nothing but the distance is taken from them.
- Normals: of depth. The camera is K, in pixels.
- Groups: the place. The authors train and test on frames of the same places 00000 to 00007 (200 of
  them for tests), and test on 00008 too, which no training sees: the holdout unrealstereo4k-00008.

Nothing of it was seen here: layout and codes are those of the authors' code and of converters.

Sources: fabiotosi92/SMD-Nets (scripts/download_data.sh, filenames/*.txt, lib/data/Loader.py, issue
#15); facebookresearch/map-anything at f7ebafb (conversion/unrealstereo4k.py); CUT3R
(preprocess_unreal4k.py); Tosi et al., "SMD-Nets", CVPR 2021.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample

from .parts import depth_rules, records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "MIT"
HOMEPAGE = "https://huggingface.co/datasets/fabiotosi92/UnrealStereo4K"
LABELS = ("depth", "normals")
STORED = {
    "depth": "disparity",
    "unit": "pixels; z = fx b / value, b by the poses",
    "sky": "from 10,000 m on [inferred]",
    "invalid": "0",
    "normals": "made of depth",
}
FILES = {"normals": ("depth",)}  # that a kind of label is read from
HOLDOUTS = {"unrealstereo4k-00008": frozenset({"unrealstereo4k:00008"})}

FRAME = rendered.LAYOUT_ROOT + r"(?P<scene>\d{5})/WHAT(?P<side>[01])/(?P<frame>\d{5})"
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "Image") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "Disp") + r"\.npy"),
    "pose": re.compile(FRAME.replace("WHAT", "Extrinsics") + r"\.txt"),
}
SCENES = tuple(f"{number:05d}" for number in range(9))
PAIRS = dict.fromkeys(SCENES, 1000) | {"00008": 200}
SIDES = {"left": ("0",), "right": ("1",), "both": ("0", "1")}
URL = "https://s3.eu-central-1.amazonaws.com/avg-projects/smd_nets"
SKY_FROM = 10_000.0  # metres
NEAREST = 1e-4  # metres between two cameras that are a pair
Matrix = list[list[float]]
Camera = tuple[list[float], Matrix]  # K, and the matrix from the world to the camera


def index(
    root: Root,
    *,
    camera: str = "both",
    scenes: Sequence[str] | str = "all",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by place, number and side; both files of cameras of each are read.

    camera: left, right or both; scenes: names such as 00003, or all; min_rgb_range, max_invalid,
    min_depth_range: parts/depth_rules.py. Raises SourceError if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed, pair = _all(root, camera, scenes), dict[str, Camera]()
    frames = rendered.opened(root, listed, partial(_described, root, pair), spans.HEADS)
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its depth and the normals of that; BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    camera: str = "both",
    scenes: Sequence[str] | str = "all",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release: a zip a place."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    wanted = _wanted(camera, scenes)
    downloads = (
        Download(path=scene, archive=archive, url=f"{URL}/{archive}")
        for scene in wanted
        if (archive := f"UnrealStereo4K_{scene}.zip")
    )
    entries = sum(PAIRS[scene] for scene in wanted) * len(SIDES[camera])
    return Official(entries=entries, downloads=tuple(downloads))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Whether disparity makes depth in metres: (ok or warn, a sentence, what to do about it)."""
    yield from rendered.doubts(root, entries)
    found = sorted(records.unpack(each.record)["depth"]["baseline"] for each in entries)
    if found:
        yield "ok", f"baselines of {len(found)} records: {found[0]:.3g} to {found[-1]:.3g} m", ()


def _wanted(camera: str, scenes: Sequence[str] | str) -> list[str]:
    records.one_of("camera", camera, SIDES)
    names = SCENES if scenes == "all" else [scenes] if isinstance(scenes, str) else scenes
    for name in names:
        records.one_of("scenes", name, SCENES)
    return sorted(set(names))


def _all(root: Root, camera: str, scenes: Sequence[str] | str) -> Iterator[Entry]:
    wanted, sizes = _wanted(camera, scenes), records.sizes(root, "")
    shown = [
        frame
        for frame in rendered.frames(sizes, LAYOUT)
        if frame.parts["scene"] in wanted and frame.parts["side"] in SIDES[camera]
    ]
    if not shown:
        example = {"image": "00000/Image0/00000.png", "disparity": "00000/Disp0/00000.npy"}
        raise rendered.nothing(root, example)
    for frame in shown:
        yield _draft(frame, sizes)


def _draft(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    """A frame whose record is path and size of the other side's camera, until it is described."""
    scene, side, number = frame.parts.values()
    expected = {
        "image": f"{scene}/Image{side}/{number}.png",
        "depth": f"{scene}/Disp{side}/{number}.npy",
        "pose": f"{scene}/Extrinsics{side}/{number}.txt",
    }
    name, group = f"{scene}/{number}/{side}", f"unrealstereo4k:{scene}"
    entry = rendered.entry(name, group, LICENSE, LABELS, frame, sizes, expected)
    above, _, of_frame = entry.files["pose"].path.rpartition("/")
    other = f"{above[:-1]}{1 - int(side)}/{of_frame}"
    return replace(entry, record=records.pack([other, sizes.get(other, records.MISSING)]))


def _described(root: Root, pair: dict[str, Camera], entry: Entry) -> Entry:
    """The entry with its camera and baseline. pair: the cameras that were read last, by path."""
    own, (other, bytes_) = entry.files["pose"], records.unpack(entry.record)
    path = own.path
    if pair.keys() != {path, other}:
        pair.clear()
        for file in (own, FileRef(path=other, size=bytes_)):
            pair[file.path] = _camera(*rendered.small_file(root, file))
    inner, pose = pair[path]
    baseline = _distance(pose, pair[other][1])
    if baseline < NEAREST:
        detail = f"its cameras are {baseline:g} m apart, so disparity says no depth"
        raise BadSample("out of range", detail, path)
    coding: dict[str, Any] = {"kind": "disparity", "scale": 1, "baseline": baseline}
    coding |= {"invalid": [0], "sky_from": SKY_FROM}
    size = entry.width, entry.height
    return rendered.coded(entry, cameras.of_value(inner, path, size), depth=coding)


def _camera(data: bytes, path: str) -> Camera:
    """K, nine numbers, and the matrix of 3 x 4 from the world to the camera. Raises BadSample."""
    try:
        first, second = data.decode("ascii").strip().splitlines()
        inner, pose = ([float(word) for word in line.split()] for line in (first, second))
    except ValueError as err:
        raise BadSample("garbled annotation", f"no two lines of numbers: {err}", path) from err
    if len(inner) != 9 or len(pose) != 12 or not all(map(math.isfinite, (*inner, *pose))):
        detail = f"lines of {len(inner)} and {len(pose)} numbers, expected 9 and 12"
        raise BadSample("garbled annotation", detail, path)
    return inner, [pose[:4], pose[4:8], pose[8:]]


def _distance(one: Matrix, two: Matrix) -> float:
    """How far apart two cameras are, whose matrices turn and move the world; their unit.

    Where a camera is, -R^T t, by plain sums, so that no bit depends on a library.
    """
    places = [
        [-math.fsum(pose[row][axis] * pose[row][3] for row in range(3)) for axis in range(3)]
        for pose in (one, two)
    ]
    return math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(*places, strict=True)))
