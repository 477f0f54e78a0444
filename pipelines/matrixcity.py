"""MatrixCity: two rendered cities seen from streets and from the air, with depth and normals.

Licence: CC BY-NC 4.0 [inferred]. Layout, of the tars as they lie, or unpacked once more into a
folder of their block's name, as the authors say:

    small_city/{street,aerial}/{train,train_dense,test}/BLOCK/0000.png     1000 x 1000, 1920 x 1080
    small_city/.../BLOCK/transforms.json                                   poses and field of view
    small_city_depth/.../BLOCK_depth/0000.exr                              float16, centimetres
    small_city_depth_float32/.../BLOCK_depth/0000.exr                      float32, taken first
    small_city_normal/.../BLOCK_normal/0000.exr                            (n + 1) / 2, float16
    big_city..., big_city_depth_flaot32...                                 spelled so; no normals

- Depth is planar z (README). In float16 what is 655.04 m away or more, buildings and sky, is 65504,
  and not valid. In float32 it is sky from 10 km on [inferred: the larger city is 5 km across].
- Normals are in the axes of the world, Unreal's, whose y is mirrored in the poses: with the pose's
  rotation R, from camera to world, n = R^T (x, -y, z) in a camera with +x right, +y up, +z back
  (issues #34, #21). The published code reads them by OpenCV, blue first; R, G, B are x, y, z
  [inferred: its flip of y is the middle one]. `vbdata doctor` compares them with depth in all 48
  ways to name axes.
- A normal (-1, -1, -1) is the sky. Depth and normals were smoothed as pictures are, so edges have
  values between two surfaces; vectors far from length 1 are not valid.
- transforms.json: camera_angle_x in radians; frames, each with frame_index and rot_mat, whose
  rotation is to be multiplied by 100. Pictures that look out of the map are not in it and are left
  out. A block without it has depth alone.
- Groups: the block. A test block shows places of train blocks from elsewhere.

Nothing of it was seen here: format and codes are those of the authors' README and scripts, names in
the tars those of a public converter.

Sources: city-super/MatrixCity at 778775c (README; scripts/load_data.py, load_street.py and
rgbd2pc.py), issues #4, #9, #21, #25, #34, #42; Li et al., "MatrixCity", ICCV 2023.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample

from .parts import depth_rules, records, rendered, spans
from .parts.unreal_poses import Poses

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-4.0"
HOMEPAGE = "https://huggingface.co/datasets/BoDai/MatrixCity"
LABELS = ("depth", "normals")
PARTS = ("train", "train_dense", "test")
CITIES = ("small_city", "big_city")
VIEWS = ("street", "aerial", "both")
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {
    f"matrixcity-{view}-test": {"part": "test", "view": view} for view in VIEWS[:2]
}

PLACE = r"(?P<view>street|aerial)/(?P<part>[^/]+)"
CITY = r"(?P<city>small_city|big_city)"
FINE = "_depth_fl(?:oa|ao)t32"


def _pattern(above: str, suffix: str, kind: str) -> re.Pattern[str]:
    """The files of a role. above: what its city's folder ends in; suffix: of a block's."""
    block = rf"(?P<block>[^/]+?)(?:{suffix})?/(?:(?P=block)(?:{suffix})?/)?(?P<frame>\d+)"
    return re.compile(rf"{rendered.LAYOUT_ROOT}{CITY}{above}/{PLACE}/{block}{kind}")


LAYOUT = {  # what there must be
    "image": _pattern("", "", rendered.PICTURE),
    "depth": _pattern(f"(?:_depth|{FINE})", "_depth", r"\.exr"),
}
PATTERNS = {
    "float32": _pattern(FINE, "_depth", r"\.exr"),
    **LAYOUT,
    "normals": _pattern("_normal", "_normal", r"\.exr"),
}
CENTIMETRES = 100.0
FULL = 65504.0  # the largest float16
SKY_FROM = 10_000.0  # metres
STORED = {
    "depth": "z",
    "unit": "cm",
    "sky": "from 10 km on [inferred], in float32 alone",
    "invalid": "65504 in float16, 0",
    "normals": "world: forward, right, up of Unreal; turned by the pose",
}


def index(
    root: Root,
    *,
    part: str = "train",
    city: str = "small_city",
    view: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a part by view, block and number.

    part: train, train_dense or test; city: small_city or big_city; view: street, aerial or both;
    min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there
    are none.
    """
    asked = _asked(part, city, view, min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, part, city, view), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its labels. Raises BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    part: str = "train",
    city: str = "small_city",
    view: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The folders of a part, of tars a block; how many frames it has is not published."""
    _asked(part, city, view, min_rgb_range, max_invalid, min_depth_range)
    views = VIEWS[:2] if view == "both" else (view,)
    tops = (city, f"{city}_depth", *([f"{city}_normal"] if city == CITIES[0] else []))
    return Official(
        entries=None,
        downloads=tuple(
            Download(path=f"{top}/{rest}", archive="", url=HOMEPAGE, also=_fine(top, rest))
            for top in tops
            for rest in (f"{each}/{part}" for each in views)
        ),
    )


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    return {"part": parts["part"], "city": parts["city"]}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some frames say of depth, and of the axes of normals: (ok or warn, text, remedies)."""
    yield from rendered.doubts(root, entries)


def _fine(top: str, rest: str) -> tuple[str, ...]:
    """Where depth of 32 bits may lie in the place of 16."""
    spelled = ("float32", "flaot32") if top.endswith("_depth") else ()
    return tuple(f"{top}_{word}/{rest}" for word in spelled)


def _asked(
    part: str, city: str, view: str, contrast: float, invalid: float, span: float
) -> depth_rules.Rules:
    records.one_of("part", part, PARTS)
    records.one_of("city", city, CITIES)
    records.one_of("view", view, VIEWS)
    return depth_rules.rules(contrast, invalid, span)


def _all(root: Root, part: str, city: str, view: str) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    wanted = VIEWS[:2] if view == "both" else (view,)
    frames = [
        frame
        for frame in rendered.frames(sizes, PATTERNS)
        if frame.parts["city"] == city
        and frame.parts["part"] == part
        and frame.parts["view"] in wanted
        and "image" in frame.files
    ]
    if not frames:
        where = {"image": f"{city}/{wanted[0]}/{part}/BLOCK/0000.png", "depth": "its EXR"}
        raise rendered.nothing(root, where)
    poses = Poses(root, sizes)
    mine = [f for f in frames if poses.has(f.files["image"])]
    yield from rendered.completed(
        root, (_entry(frame, sizes) for frame in mine), lambda entry: _described(entry, poses)
    )


def _entry(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    city, view, part, block, number = frame.parts.values()
    place = f"{view}/{part}/{block}"
    files = dict(frame.files)
    fine = files.pop("float32", "")
    files |= {"depth": fine} if fine else {}
    expected = {
        "image": f"{city}/{place}/{number}.png",
        "depth": f"{city}_depth/{place}_depth/{number}.exr",
        "normals": f"{city}_normal/{place}_normal/{number}.exr",
    }
    if "normals" not in files:  # not published of everything
        del expected["normals"]
    labels = tuple(kind for kind in LABELS if kind in expected)
    name, group = f"{city}/{place}/{number}", f"matrixcity:{city}/{place}"
    found = rendered.Frame(frame.parts, files)
    return rendered.entry(name, group, LICENSE, labels, found, sizes, expected)


def _described(entry: Entry, poses: Poses) -> Entry:
    """The entry with its camera, and with the turn of its normals. Raises BadSample."""
    depth: dict[str, Any] = {"scale": CENTIMETRES, "kind": "z"}
    fine = re.search(f"{FINE}/", entry.files["depth"].path)
    depth |= {"sky_from": SKY_FROM} if fine else {"invalid": [FULL]}
    pose = poses.of(entry.files["image"].path)
    if pose is None:
        return rendered.coded(replace(entry, labels=("depth",)), None, depth=depth)
    angle, turn = pose
    focal = entry.width / 2 / math.tan(angle / 2)
    camera = (focal, focal, (entry.width - 1) / 2, (entry.height - 1) / 2)
    if "normals" not in entry.labels:
        return rendered.coded(entry, camera, depth=depth)
    normals = {"frame": ["right", "up", "backward"], "coding": "unsigned", "turn": turn}
    return rendered.coded(entry, camera, depth=depth, normals=normals)
