"""EDEN: rendered gardens in five kinds of light, seen by a pair of cameras, with depth.

Licence: for research alone [inferred]. Layout, each zip unpacked into a folder of its name:

    RGB/0001/{clear,cloudy,overcast,sunset,twilight}/17_L.png      640 x 480; _L left, _R right
    Depth/0001/clear/17_L.mat                                      MATLAB 5: Depth, [H, W] or more
    cam_matrix/0001/clear/17.mat                                   MATLAB 5: K_L and K_R, in pixels

- Depth: the first plane of the array Depth, along the axis and in metres [both inferred, from
  training code that takes it so]. `vbdata doctor` compares the kind with flat surfaces.
- Sky: infinite, or from 1,000 m on [inferred]: Blender, which EDEN is made with, writes 1e10.
- Normals: those of depth and K (vbdata.core.surface). Leaves are finer than pixels, so in foliage
  few pixels have one.
- A frame without its cam_matrix file has depth alone.
- Segmentation, flow and the stored normals are not read: no source says what their codes and axes
  are.
- Groups: the scene ("eden:0001"), in any light.

Nothing of it was seen here: names, keys and planes are those of the converter below.

Sources: CUT3R/CUT3R at 8bc15dc, datasets_preprocess/preprocess_eden.py and the loader, where it is
metric; Le et al., "EDEN: Multimodal Synthetic Dataset of Enclosed Garden Scenes", WACV 2021.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample

from .parts import depth_rules, records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "EDEN, research only"
HOMEPAGE = "https://lhoangan.github.io/eden/"
LABELS = ("depth", "normals")
FILES = {"normals": ("depth",)}

AT = "https://isis-data.science.uva.nl/hale/EDEN"
SIDES = {"left": ("L",), "right": ("R",), "both": ("L", "R")}
PLACE = r"(?P<scene>[^/]+)/(?P<light>[^/]+)/(?P<frame>[^/_]+)_(?P<side>[LR])"
LAYOUT = {
    "image": re.compile(f"{rendered.LAYOUT_ROOT}RGB/{PLACE}{rendered.PICTURE}"),
    "depth": re.compile(rf"{rendered.LAYOUT_ROOT}Depth/{PLACE}\.mat"),
}
SKY_FROM = 1000.0  # metres
DEPTH = {
    **{"scale": 1.0, "kind": "z", "sky_from": SKY_FROM},
    **{"dataset": "Depth", "channels": ["0"]},
}
STORED = {
    "depth": "z [inferred]",
    "unit": "m [inferred]",
    "sky": "from 1,000 m on [inferred]",
    "invalid": "0, NaN",
    "normals": "made of depth",
}


def index(
    root: Root,
    *,
    camera: str = "left",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by scene, light and name.

    camera: left, right or both; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError if there are none.
    """
    records.one_of("camera", camera, SIDES)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed = _all(root, SIDES[camera])
    frames = rendered.opened(root, listed, partial(_described, root), spans.HEADS)
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its labels. Raises BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    camera: str = "left",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The folders of the release; how many frames it has is not published."""
    records.one_of("camera", camera, SIDES)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    zips = [Download(path=p, archive=f"{p}.zip", url=f"{AT}/{p}.zip") for p in ("RGB", "Depth")]
    cameras_at = Download(path="cam_matrix", archive="", url=HOMEPAGE)
    return Official(entries=None, downloads=(*zips, cameras_at))


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    return {} if parts["side"] == "L" else {"camera": "right"}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some frames say of range and kind of depth: (ok or warn, a sentence, remedies)."""
    yield from rendered.doubts(root, entries)


def _all(root: Root, sides: tuple[str, ...]) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = [f for f in rendered.frames(sizes, LAYOUT) if f.parts["side"] in sides]
    if not frames:
        where = {"image": f"RGB/0001/clear/1_{sides[0]}.png", "depth": "Depth/0001/clear/*.mat"}
        raise rendered.nothing(root, where)
    for frame in frames:
        yield _entry(frame, sizes)


def _entry(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    """A frame whose record is path and size of its cameras, until it is described."""
    scene, light, number, side = frame.parts.values()
    name = f"{scene}/{light}/{number}_{side}"
    expected = {"image": f"RGB/{name}.png", "depth": f"Depth/{name}.mat"}
    entry = rendered.entry(name, f"eden:{scene}", LICENSE, LABELS, frame, sizes, expected)
    above = entry.files["image"].path.rpartition(f"RGB/{name}")[0]
    path = f"{above}cam_matrix/{name[:-2]}.mat"
    return replace(entry, record=records.pack([path, sizes.get(path, records.MISSING)]))


def _described(root: Root, entry: Entry) -> Entry:
    """The entry with its camera; without one it has no normals."""
    path, bytes_ = records.unpack(entry.record)
    try:
        data, path = rendered.small_file(root, FileRef(path=path, size=bytes_))
        size = entry.width, entry.height
        camera = cameras.camera(data, path, size, (), f"K_{entry.id[-1]}")
    except BadSample as bad:
        left_out = (f"{bad.reason}: normals: {bad.detail}",)
        entry = replace(entry, labels=("depth",), left_out=left_out)
        return rendered.coded(entry, None, depth=DEPTH)
    return rendered.coded(entry, camera, depth=DEPTH)
