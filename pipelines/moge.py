"""Depth in MoGe's format: its pack of ten benchmarks, or data of one's own that are laid out so.

Licence: that of each data set. Layout of the archives of Ruicheng/monocular-geometry-evaluation,
unpacked in the root, one folder a benchmark:

    NYUv2/.index.txt                 the folders of its pictures, a path below NYUv2 a line
    NYUv2/PATH/image.jpg             of any size
    NYUv2/PATH/depth.png             16 bits, logarithmic (formats/log_depth.py), planar z
    NYUv2/PATH/meta.json             {"intrinsics": 3 x 3}, in shares of width and height

- part: which folder, DDAD, DIODE, ETH3D, GSO, HAMMER, iBims-1, KITTI, NYUv2, Sintel, Spring, or
  any other; "" for data that lie in the root itself, as MoGe's training data do.
- Units: metres, but for GSO, Sintel and Spring, whose scale is arbitrary: scores over these mean
  something after an alignment alone. A text `unit` in a depth.png is applied.
- 0 is unknown, which is not valid; 65535 is sky, valid and infinitely far.
- MoGe scores at sizes of its own, after warping pictures and depth to another field of view, and
  leaves out depth beyond 1000 times the 1 % quantile. Here pictures and depth are as stored, so
  numbers are near its tables, not in them.
- Intrinsics are fx / width, fy / height, (cx + 1/2) / width, ...; the entry's camera is in pixels,
  centres at whole numbers. Without a readable meta.json it has none, which depth does not need.
- Groups: the drive or scene where a path names it as KITTI (2011_09_26_drive_0002_sync), DIODE
  (scene_00021) or Sintel (alley_1) do, else the picture alone.
- segmentation.png, which MoGe has for scores of parts, is not read.
- A line of .index.txt whose folder lacks a file is a fault; folders that are in no line are not
  read. Another list, such as .val.txt, may be named: `frames`.

Nothing of it was seen here: format and names are those of the code, the counts are not published.

Sources: microsoft/MoGe at 0744441 (moge/utils/io.py, moge/test/dataloader.py,
configs/eval/all_benchmarks.json, docs/train.md); Wang et al., "MoGe", CVPR 2025.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError
from vbdata.storage.root import safe

from .formats import log_depth
from .parts import depth_rules, frame_lists, own_records, picture_files, records, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "of each data set"
HOMEPAGE = "https://huggingface.co/datasets/Ruicheng/monocular-geometry-evaluation"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "m on a logarithm; of GSO, Sintel and Spring none",
    "sky": "65535",
    "invalid": "0",
    "normals": "none",
}

PARTS = (
    *("DDAD", "DIODE", "ETH3D", "GSO", "HAMMER", "iBims-1", "KITTI", "NYUv2", "Sintel"),
    "Spring",
)
LIST = ".index.txt"
GROUP_NAMES = {  # what a path says -> the group in the reader of that data set
    re.compile(r"\d{4}_\d{2}_\d{2}_drive_\d{4}_sync"): "kitti",
    re.compile(r"(?<![a-z])scene_\d{5}"): "diode",
    re.compile(
        r"(?<![a-z])(?:alley_[12]|ambush_[24567]|bamboo_[12]|bandage_[12]|cave_[24]|market_[256]|"
        r"mountain_1|shaman_[23]|sleeping_[12]|temple_[23])(?!\d)"
    ): "sintel",
}


def index(
    root: Root,
    *,
    part: str = "NYUv2",
    frames: str = LIST,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The pictures of a list, sorted by path.

    part: the folder of a benchmark, such as NYUv2, "" for the root itself; frames: the list in it
    of the folders of pictures; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError without the list, or if it names nothing.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed = spans.Spans(_all(root, part, frames), partial(_filled, root), spans.HEADS)
    return depth_rules.kept(listed, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if kinds else {})


def official(
    *,
    part: str = "NYUv2",
    frames: str = LIST,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The pack's archive of a benchmark; how many pictures it has is not published."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    if part not in PARTS:
        return Official(entries=None, downloads=())
    path, archive = f"{part}/{LIST}", f"{part}.zip"
    return Official(entries=None, downloads=(Download(path=path, archive=archive, url=HOMEPAGE),))


def _all(root: Root, part: str, frames: str) -> Iterator[Entry]:
    if part and not root.exists(part):
        raise SourceError(f"{root.url}: no folder {part}; of the pack there may be {_known(root)}")
    top = f"{part}/" if part else ""
    listed = frame_lists.names(root, f"{top}{frames}", "which folders have pictures")
    sizes = records.sizes(root, part)
    for name in sorted({name.strip("/").removeprefix("./") for name in listed}):
        yield _entry(part, top, name, sizes)


def _known(root: Root) -> str:
    there = [part for part in PARTS if root.exists(part)]
    return ", ".join(there) or "none of " + ", ".join(PARTS)


def _entry(part: str, top: str, name: str, sizes: dict[str, int]) -> Entry:
    """The entry of a folder, its camera's file among its own, or its fault. top: of the part."""
    entry = Entry(
        id=name,
        group=_group(part, name),
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=LABELS,
    )
    try:
        folder = f"{top}{safe(name)}"
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    files = {
        "image": records.picture_ref(f"{folder}/image", "jpg", sizes),
        "depth": records.file_ref(f"{folder}/depth.png", sizes),
    }
    if (camera := f"{folder}/meta.json") in sizes:
        files["camera"] = records.file_ref(camera, sizes)
    return replace(entry, files=files)


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with its size and camera, or its fault."""
    files = dict(entry.files)
    file = files.pop("camera", None)
    bare = replace(entry, files=files)
    entry = own_records.measured_or_faulty(root, picture_files.STORED, bare)
    if entry.fault:
        return entry
    return replace(entry, camera=_camera(root, entry, file.path) if file else None)


def _group(part: str, name: str) -> str:
    for known, reader in GROUP_NAMES.items():
        if found := known.search(name):
            return f"{reader}:{found[0]}"
    return f"moge:{part}/{name}" if part else f"moge:{name}"


def _camera(root: Root, entry: Entry, path: str) -> tuple[float, float, float, float] | None:
    """The camera of a meta.json in pixels, None where it says none."""
    size = entry.width, entry.height
    try:
        fx, fy, cx, cy = cameras.camera(root.read(path), path, size, ("intrinsics",))
    except BadSample:
        return None
    return fx * size[0], fy * size[1], cx * size[0] - 0.5, cy * size[1] - 0.5


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where it is known; sky is. Raises BadSample."""
    path = entry.files["depth"].path
    stored = log_depth.read(records.read(root, entry, "depth"), path)
    records.check_size(stored.shape, entry, path)
    valid = ~np.isnan(stored)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a depth", path)
    return Depth(metres=np.where(valid, stored, np.float32(0)), valid=valid)
