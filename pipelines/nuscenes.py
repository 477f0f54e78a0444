"""nuScenes: streets of Boston and Singapore by six cameras, with depth of one LiDAR scan each.

Licence: CC BY-NC-SA 4.0, with terms of its own; a login is needed. Layout of v1.0-trainval_meta.tgz
and the ten v1.0-trainvalNN_blobs.tgz, or of v1.0-mini.tgz:

    v1.0-trainval/{scene,sample,sample_data,ego_pose,calibrated_sensor}.json
    samples/CAM_FRONT/n015-2018-07-24-11-22-45+0800__CAM_FRONT__1532402927612460.jpg     1600 x 900
    samples/LIDAR_TOP/n015-2018-07-24-11-22-45+0800__LIDAR_TOP__1532402927647951.pcd.bin

- A scan is float32: x, y, z, intensity, ring. Depth is its projection in five steps, as the devkit
  does it (parts/nuscenes/poses.py), with the car's pose at either time: LiDAR to car, to world, to
  car, to camera, to pixel. Points up to 1 m ahead of the camera or within 1 pixel of the border are
  left out; a point has the pixel whose centre is nearest, and of several the nearest is seen. It is
  planar z in the undistorted picture. Pixels without a point are not valid.
- The devkit rounds points to float32 in world coordinates, which this does not.
- split: train, val, mini_train or mini_val, by scene; cameras: all six, or some of them. Key frames
  alone, of which val has 6,019. No single protocol is in use: UniK3D scores a tenth of val up to
  80 m, DepthLM v1.0-mini without the car's movement between scan and picture.
- ids are the names of the pictures' files; groups: the scene, "nuscenes:scene-0103". Two scenes of
  mini_train are in val (0553 and 0796).
- A row that another one names and that is not there, or is garbled, is a fault of its pictures. The
  tables are large and read in pieces.

Nothing of it was seen here: layout and projection are those of the devkit.

Sources: nutonomy/nuscenes-devkit (docs/schema_nuscenes.md, nuscenes.py, utils/splits.py); Caesar et
al., "nuScenes: A Multimodal Dataset for Autonomous Driving", CVPR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError
from vbdata.storage.root import safe

from .parts import depth_rules, picture_files, records, spans
from .parts.nuscenes import poses, splits, tables

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-4.0"
HOMEPAGE = "https://www.nuscenes.org/nuscenes"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "m, projected LiDAR",
    "sky": "none",
    "invalid": "where no point falls",
    "normals": "none",
}
HOLDOUTS = {"nuscenes-val": frozenset(f"nuscenes:{scene}" for scene in splits.VAL)}

CAMERAS = (
    *("CAM_FRONT", "CAM_FRONT_LEFT", "CAM_FRONT_RIGHT"),
    *("CAM_BACK", "CAM_BACK_LEFT", "CAM_BACK_RIGHT"),
)
LIDAR = "LIDAR_TOP"
FILE = re.compile(rf"samples/({LIDAR}|{'|'.join(CAMERAS)})/([^/]+)")
FIELDS = 5  # numbers of a point
BLOBS = "v1.0-trainval01_blobs.tgz to v1.0-trainval10_blobs.tgz"


class Tables(NamedTuple):
    """What is needed of the tables, by token. data: of key frames, by (sample token, channel)."""

    scenes: Mapping[str, str]
    data: Mapping[tuple[str, str], tables.Row]
    poses: Mapping[str, tables.Row]
    sensors: Mapping[str, tables.Row]


def index(
    root: Root,
    *,
    split: str = "val",
    cameras: str | Sequence[str] = CAMERAS,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The pictures of a split's key frames, by name.

    split: train, val, mini_train or mini_val; cameras: one, or a list, of CAM_FRONT,
    CAM_FRONT_LEFT, CAM_FRONT_RIGHT, CAM_BACK, CAM_BACK_LEFT and CAM_BACK_RIGHT; min_rgb_range,
    max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there are none.
    """
    wanted = _check(split, cameras)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, split, wanted), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if kinds else {})


def official(
    *,
    split: str = "val",
    cameras: str | Sequence[str] = CAMERAS,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release of a split: its tables and its files, and how many pictures it has."""
    wanted = _check(split, cameras)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    version, samples = splits.VERSIONS[split], splits.SAMPLES[split]
    mini = version == "v1.0-mini"
    files = [(version, "v1.0-mini.tgz" if mini else "v1.0-trainval_meta.tgz")]
    files += [(f"samples/{n}", "v1.0-mini.tgz" if mini else BLOBS) for n in (LIDAR, *wanted)]
    url = f"{HOMEPAGE}#download"
    return Official(
        entries=None if samples is None else samples * len(wanted),
        downloads=tuple(Download(path=path, archive=archive, url=url) for path, archive in files),
    )


def _check(split: str, cameras: str | Sequence[str]) -> tuple[str, ...]:
    """The cameras that are asked for, each once. Raises SourceError."""
    records.one_of("split", split, splits.VERSIONS)
    listed = (cameras,) if isinstance(cameras, str) else tuple(cameras)
    for camera in listed:
        records.one_of("cameras", camera, CAMERAS)
    if not listed:
        raise SourceError(f"cameras: none is listed. Known: {', '.join(CAMERAS)}")
    return tuple(dict.fromkeys(listed))


def _all(root: Root, split: str, cameras: tuple[str, ...]) -> Iterator[Entry]:
    found = _tables(root, split, cameras)
    sizes = {
        path: size
        for channel in (LIDAR, *cameras)
        for path, size in records.sizes(root, f"samples/{channel}").items()
    }
    to_world: dict[str, poses.Pose | BadSample] = {}
    entries: dict[str, Entry] = {}
    for (sample, channel), row in found.data.items():
        if channel != LIDAR:
            if sample not in to_world:
                to_world[sample] = _scanned(found, sample)
            entry = _entry(found, sample, row, to_world[sample], sizes)
            entries.setdefault(entry.id, entry)
    if not entries:
        raise SourceError(f"{root.url}: {splits.VERSIONS[split]} has no key frames of {split}")
    for name in sorted(entries):
        yield entries[name]


def _tables(root: Root, split: str, cameras: tuple[str, ...]) -> Tables:
    """The rows of a split. Raises SourceError."""
    version = splits.VERSIONS[split]

    def rows(name: str, of: Any, keep: Any) -> list[tables.Row]:
        return tables.rows(root, f"{version}/{name}.json", of, keep)

    scenes = {
        row["token"]: row["name"]
        for row in rows("scene", tables.Scene, lambda row: _names(row, "token", "name"))
        if splits.has(split, row["name"])
    }
    samples = {
        row["token"]: scenes[row["scene_token"]]
        for row in rows("sample", tables.SampleRow, lambda row: _names(row, "token", "scene_token"))
        if row["scene_token"] in scenes
    }
    channels = {LIDAR, *cameras}

    def wanted(row: tables.Row) -> bool:
        if row.get("is_key_frame") is not True or not _names(row, "sample_token", "filename"):
            return False
        match = FILE.fullmatch(row["filename"])
        return row["sample_token"] in samples and match is not None and match[1] in channels

    data: dict[tuple[str, str], tables.Row] = {}
    for row in rows("sample_data", tables.SampleData, wanted):
        data.setdefault((row["sample_token"], row["filename"].split("/")[1]), row)
    named = {row.get("ego_pose_token") for row in data.values() if _names(row, "ego_pose_token")}
    sensors = rows("calibrated_sensor", tables.Posed, lambda row: _names(row, "token"))
    egos = rows(
        "ego_pose", tables.Posed, lambda row: _names(row, "token") and row["token"] in named
    )
    by_token = [{row["token"]: row for row in each} for each in (egos, sensors)]
    return Tables(samples, data, *by_token)


def _names(row: tables.Row, *keys: str) -> bool:
    """Whether a row has texts under all of some keys."""
    return all(isinstance(row.get(key), str) for key in keys)


def _scanned(found: Tables, sample: str) -> poses.Pose | BadSample:
    """The pose from a key frame's scan to the world, or why there is none."""
    row = found.data.get((sample, LIDAR))
    if row is None:
        return BadSample("missing", f"sample {sample} has no scan of {LIDAR}")
    try:
        return poses.after(*_posed(found, row))
    except BadSample as bad:
        return bad


def _posed(found: Tables, row: tables.Row) -> tuple[poses.Pose, poses.Pose]:
    """The poses from the car to the world and from the sensor to the car, of a file. BadSample."""
    both = []
    for key, of in (("ego_pose_token", found.poses), ("calibrated_sensor_token", found.sensors)):
        token = row.get(key)
        named = of.get(token) if isinstance(token, str) else None
        if named is None:
            raise BadSample("missing", f"{key} {token!r:.60} of {row['filename']} is in no table")
        both.append(poses.pose(named, f"{key} {token}"))
    return both[0], both[1]


def _entry(
    found: Tables,
    sample: str,
    row: tables.Row,
    to_world: poses.Pose | BadSample,
    sizes: dict[str, int],
) -> Entry:
    """A picture's entry, or its fault. to_world: from its scan."""
    path = row["filename"]
    scan = found.data.get((sample, LIDAR), {}).get("filename", f"samples/{LIDAR}/")
    fault, camera, size, record = "", None, (0, 0), b""
    try:
        safe(path)
        size = _size(row)
        if isinstance(to_world, BadSample):
            raise to_world
        on_car, of_sensor = _posed(found, row)
        camera = poses.intrinsics(found.sensors[row["calibrated_sensor_token"]], path)
        back = poses.after(poses.inverse(of_sensor), poses.inverse(on_car))
        record = records.pack({"to_camera": poses.after(back, to_world)})
    except BadSample as bad:
        fault = f"{bad.reason}: {bad.detail}"
    return Entry(
        id=path.rpartition("/")[2].rpartition(".")[0] or path,
        group=f"nuscenes:{found.scenes[sample]}",
        width=size[0],
        height=size[1],
        license=LICENSE,
        files={"image": records.file_ref(path, sizes), "scan": records.file_ref(scan, sizes)},
        labels=LABELS,
        camera=camera,
        record=record,
        fault=fault,
    )


def _size(row: tables.Row) -> tuple[int, int]:
    width, height = row.get("width"), row.get("height")
    if not (records.whole(width) and records.whole(height) and 0 < width * height <= 1 << 26):
        raise BadSample("out of range", f"{row['filename']} is {width!r:.20} x {height!r:.20}")
    return width, height


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where a point of the scan is. Raises BadSample."""
    path = entry.files["scan"].path
    data = records.read(root, entry, "scan")
    if not data or len(data) % (4 * FIELDS):
        detail = f"{len(data)} bytes, no whole number of points of {4 * FIELDS}"
        raise BadSample("truncated", detail, path)
    points = np.frombuffer(data, "<f4").reshape(-1, FIELDS)[:, :3]
    assert entry.camera is not None  # else the entry has a fault
    way = records.unpack(entry.record)["to_camera"]
    metres = poses.depth(points, way, entry.camera, (entry.width, entry.height))
    valid = np.isfinite(metres)
    if not valid.any():
        raise BadSample("all invalid", "no point of the scan is in the picture", path)
    return Depth(metres=np.where(valid, metres, np.float32(0)), valid=valid)
