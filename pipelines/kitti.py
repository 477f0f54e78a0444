"""KITTI raw drives with the annotated depth of the depth completion/prediction benchmark.

Licence: CC BY-NC-SA 3.0. Layout, with `raw/` and `depth/` or with both trees merged in the root:

    raw/2011_09_26/calib_cam_to_cam.txt
    raw/2011_09_26/2011_09_26_drive_0001_sync/image_02/data/0000000005.png
    depth/{train,val}/2011_09_26_drive_0001_sync/proj_depth/groundtruth/image_02/0000000005.png

The depth tree has no level for dates; a drive's name begins with its date. Depth is a uint16 PNG,
metres = value / 256 (exact in float32), 0 = no measurement, planar z in the rectified camera; about
a fifth of the pixels have one (depth devkit readme). The LiDAR ends near 120 m: a frame with depth
beyond 128 m is out of range. Raw pictures may be JPEG (.jpg), too. The camera is P_rect_0x of the
date's calibration; the image size is S_rect_0x (S_0x is the size before rectification). P_rect's
last column, the offset to camera 0, does not affect planar z.

A frame is an entry if it has a depth file, or lies between two that have one: its depth file is
missing then, which is a fault. Ground truth accumulates 5 frames on both sides, so a drive's first
and last 5 raw frames have none and are no entries. Files and folders of other names are not
KITTI's. The drives of both parts and of Eigen's test set are in pipelines/parts/kitti/drives.py.

Sources: devkit readme of the depth benchmark; Geiger et al., "Vision meets Robotics", IJRR 2013;
Uhrig et al., "Sparsity Invariant CNNs", 3DV 2017.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.types import Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import depth_rules, maps, picture_files, records, spans
from .parts.kitti import drives

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-3.0"
HOMEPAGE = "https://www.cvlibs.net/datasets/kitti/eval_depth.php?benchmark=depth_prediction"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "1 / 256 m",
    "sky": "none",
    "invalid": "0",
    "normals": "none",
}

SPLITS = {"train": ("train",), "val": ("val",), "both": ("train", "val")}
CAMERAS = ("image_02", "image_03")
HOLDOUTS = {
    "kitti-val": drives.groups(drives.VAL),
    "kitti-eigen-test": drives.groups(drives.EIGEN_TEST),
}

CALIBRATION = "calib_cam_to_cam.txt"
DRIVE = re.compile(r"\d{4}_\d{2}_\d{2}_drive_\d{4}_sync")
FRAME = re.compile(r".*/(\d{10})\.png")
PICTURE = re.compile(rf".*/(\d{{10}})\.(?:{'|'.join(records.PICTURES)})")
STEPS_PER_METRE = 256
FARTHEST = 128.0  # metres: the LiDAR ends near 120, and the scans of 5 frames ahead are added


class Camera(NamedTuple):
    """A rectified camera, all in pixels. focus: fx, fy, cx, cy, pixel centres at whole numbers."""

    width: int
    height: int
    focus: tuple[float, float, float, float]


def index(
    root: Root,
    *,
    split: str = "train",
    camera: str = "image_02",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of all drives of a split, in order of drive and frame.

    split: train, val or both; camera: image_02 (left) or image_03 (right); min_rgb_range,
    max_invalid, min_depth_range: parts/depth_rules.py. The drives of a date whose calibration
    cannot be read are one fault each. Raises SourceError if there are no frames, or no calibration
    at all.
    """
    _check(split, camera)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, split, camera), root, load, asked)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str, camera: str) -> Iterator[Entry]:
    """The frames of all drives of a split. Raises SourceError."""
    raw, depth = (f"{top}/" if root.exists(top) else "" for top in ("raw", "depth"))
    parts = sorted(_drives(root, depth, SPLITS[split]).items())
    dates = sorted({drive[:10] for drive, _ in parts})
    cameras = {date: _camera_or_not(root, f"{raw}{date}/{CALIBRATION}", camera) for date in dates}
    lost = [each for each in cameras.values() if isinstance(each, SourceError)]
    if len(lost) == len(dates):
        raise lost[0]
    nothing = True
    for drive, part in parts:
        calibrated = cameras[drive[:10]]
        if isinstance(calibrated, SourceError):
            yield _uncalibrated(root, f"{drive}/{camera}", calibrated)
            continue
        images_at = f"{raw}{drive[:10]}/{drive}/{camera}/data"
        depth_at = f"{depth}{part}/{drive}/proj_depth/groundtruth/{camera}"
        for entry in _frames(root, f"{drive}/{camera}", images_at, depth_at, calibrated):
            nothing = False
            yield entry
    if nothing:
        raise SourceError(f"{root.url}: the drives of split {split} have no depth for {camera}")


def official(
    *,
    split: str = "train",
    camera: str = "image_02",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The benchmark's release of a split; both cameras have the same number of frames."""
    _check(split, camera)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    downloads = [each for part in SPLITS[split] for each in drives.downloads(part)]
    entries = sum(drives.FRAMES[part] for part in SPLITS[split])
    return Official(entries=entries, downloads=tuple(dict.fromkeys(downloads)))


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if "depth" in kinds else {})


def _check(split: str, camera: str) -> None:
    records.one_of("split", split, SPLITS)
    records.one_of("camera", camera, CAMERAS)


def _drives(root: Root, depth: str, parts: tuple[str, ...]) -> dict[str, str]:
    """Drive -> the part of the benchmark that it belongs to. Raises SourceError."""
    part_of: dict[str, str] = {}
    for part in parts:
        names = [name for name in root.folders(f"{depth}{part}") if DRIVE.fullmatch(name)]
        if not names:
            raise SourceError(f"{root.url}: no folders YYYY_MM_DD_drive_NNNN_sync in {depth}{part}")
        if twice := sorted(part_of.keys() & set(names)):
            raise SourceError(f"{root.url}: {twice[0]} is in train and in val")
        part_of |= dict.fromkeys(names, part)
    return part_of


def _frames(
    root: Root, prefix: str, images_at: str, depth_at: str, camera: Camera
) -> Iterator[Entry]:
    """A drive's entries: frames with depth, and raw frames between two of them."""
    image_sizes, depth_sizes = records.sizes(root, images_at), records.sizes(root, depth_at)
    measured = {match[1] for path in depth_sizes if (match := FRAME.fullmatch(path))}
    if not measured:
        return
    seen = {match[1] for path in image_sizes if (match := PICTURE.fullmatch(path))}
    between = {frame for frame in seen if min(measured) < frame < max(measured)}
    for frame in sorted(measured | between):
        yield Entry(
            id=f"{prefix}/{frame}",
            group=f"kitti:{prefix.partition('/')[0]}",
            width=camera.width,
            height=camera.height,
            license=LICENSE,
            files={
                "image": records.picture_ref(f"{images_at}/{frame}", "png", image_sizes),
                "depth": records.file_ref(f"{depth_at}/{frame}.png", depth_sizes),
            },
            labels=LABELS,
            camera=camera.focus,
        )


def _camera_or_not(root: Root, path: str, camera: str) -> Camera | SourceError:
    """One rectified camera of a date's calibration, or what is wrong with that."""
    try:
        return _camera(root, path, camera)
    except SourceError as err:
        return err


def _uncalibrated(root: Root, name: str, err: SourceError) -> Entry:
    """What stands for all frames of a drive whose date has no calibration: one fault."""
    reason = "missing" if isinstance(err.__cause__, BadSample) else "garbled annotation"
    return Entry(
        id=name,
        group=f"kitti:{name.partition('/')[0]}",
        width=0,
        height=0,
        license=LICENSE,
        files={},
        labels=(),
        fault=f"{reason}: all frames of the drive: {str(err).removeprefix(root.url + ': ')}",
    )


def _camera(root: Root, path: str, camera: str) -> Camera:
    """One rectified camera of a date's calibration. Raises SourceError."""
    text = records.source_bytes(root, path, "one per date, in its own zip: <date>_calib.zip")
    # calib_time holds further colons
    text = records.without_mark(text)
    lines = (line.partition(":") for line in text.decode("ascii", "replace").splitlines())
    table = {key.strip(): value.split() for key, _, value in lines}
    number = camera[-2:]
    width, height = _numbers(table, f"S_rect_{number}", 2, path)
    p = _numbers(table, f"P_rect_{number}", 12, path)
    if min(width, height, p[0], p[5]) <= 0 or width % 1 or height % 1:
        raise SourceError(f"{path}: S_rect_{number} {width} {height}, focus {p[0]} {p[5]}: not > 0")
    return Camera(int(width), int(height), (p[0], p[5], p[2], p[6]))


def _numbers(table: dict[str, list[str]], key: str, count: int, path: str) -> list[float]:
    """The numbers after a key. Raises SourceError unless there are `count`, all finite."""
    try:
        values = [float(word) for word in table.get(key, [])]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        stated = " ".join(table.get(key, ["nothing"]))
        raise SourceError(f"{path}: {key} should be {count} numbers, found {stated!r}")
    return values


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where something was measured. Raises BadSample."""
    path, stored = entry.files["depth"].path, maps.grey(root, entry, "depth", np.uint16)
    records.check_size(stored.shape, entry, path)
    valid = stored > 0
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    metres = stored.astype(np.float32) / np.float32(STEPS_PER_METRE)
    depth_rules.within(metres, valid, FARTHEST, path)
    return Depth(metres=metres, valid=valid)
