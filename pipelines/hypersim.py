"""Hypersim: rendered interiors with depth and surface normals of every pixel.

Licence: CC BY-SA 3.0 (data). Layout, with the scenes in evermotion_dataset/scenes/, in scenes/ or
in the root, and the CSV files beside them, in their official folders or in the root:

    ai_VVV_NNN/images/scene_cam_XX_final_hdf5/frame.IIII.color.hdf5              float16[H, W, 3]
    ai_VVV_NNN/images/scene_cam_XX_final_preview/frame.IIII.tonemap.jpg
    ai_VVV_NNN/images/scene_cam_XX_geometry_hdf5/frame.IIII.depth_meters.hdf5    float16[H, W]
                                                 frame.IIII.normal_cam.hdf5      float16[H, W, 3]
                                                 frame.IIII.render_entity_id.hdf5  int16[H, W]
    evermotion_dataset/analysis/metadata_images_split_scene_v1.csv
    contrib/mikeroberts3000/metadata_camera_parameters.csv

Conventions and traps:
- depth_meters is the distance to the optical centre. Planar z = distance x the forward part of the
  pixel's unit ray, M_cam_from_uv . (u, v, 1), u right and v up from -1 to 1 at the picture's edges.
  M differs by scene: the usual constant focal length of 886.81 is wrong for half of them.
- Hypersim's camera looks along -z with +y up: (x, -y, -z) brings its vectors to OpenCV's axes.
- Normals may be zero, of other length, or face inwards (issue #26): invalid below a length of 1e-3
  or not finite, else made unit, and turned where normal . ray > 1e-3.
- Where render_entity_id is -1 there is nothing: depth and normals are NaN; the normals' sky. For
  a camera without these files, sky is where a normal is NaN. Depth is valid where finite and > 0.
- Tone mapping: pipelines/_tonemap.py; without render_entity_id every pixel counts as valid.

Frames are those of the split CSV's partition in the public release, as far as they are on disk: a
camera offers a kind if any of its frames has that file, a frame of which nothing is there is no
entry, and a file that is missing beside others is a fault of its frame. What the CSV does not
list is not of the dataset.

Sources: apple/ml-hypersim README, issues #9 and #26, contrib/mikeroberts3000 notebook 01; Roberts
et al., "Hypersim", ICCV 2021; flip rule: Marigold, preprocess_hypersim_normals.py.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines import _records as records
from pipelines._hdf5 import read_array
from pipelines._hypersim_camera import Camera, orient, pinhole, rays
from pipelines._tonemap import tonemap
from vbdata.errors import BadSample, SourceError
from vbdata.images import MAX_PIXELS
from vbdata.nouns import Depth, Entry, Normals, Sample

if TYPE_CHECKING:
    from vbdata.storage import Folder

LICENSE = "CC-BY-SA-3.0"
HOMEPAGE = "https://github.com/apple/ml-hypersim"
LABELS = ("depth", "normals")

SPLITS = ("train", "val", "test", "all")
IMAGES = {
    "tonemap": "images/scene_{}_final_hdf5/frame.{:04d}.color.hdf5",
    "preview": "images/scene_{}_final_preview/frame.{:04d}.tonemap.jpg",
}
GEOMETRY = {
    "depth": "images/scene_{}_geometry_hdf5/frame.{:04d}.depth_meters.hdf5",
    "normals": "images/scene_{}_geometry_hdf5/frame.{:04d}.normal_cam.hdf5",
    "entities": "images/scene_{}_geometry_hdf5/frame.{:04d}.render_entity_id.hdf5",
}

SCENES_AT = ("evermotion_dataset/scenes", "scenes", "")
SPLIT_CSV = "metadata_images_split_scene_v1.csv"
SPLIT_AT = ("evermotion_dataset/analysis/", "analysis/", "")
CAMERA_CSV = "metadata_camera_parameters.csv"
CAMERA_AT = ("contrib/mikeroberts3000/", "")
SCENE = re.compile(r"ai_\d{3}_\d{3}")
CAMERA = re.compile(r"cam_\d{2}")

NOTHING = -1  # render_entity_id of a pixel that sees no object


def index(root: Folder, *, split: str = "train", image: str = "tonemap") -> Iterator[Entry]:
    """The frames of a partition that are on disk, in order of scene, camera and frame."""
    records.one_of("split", split, SPLITS)
    records.one_of("image", image, IMAGES)
    (top, scenes), frames, cameras = _scenes(root), _frames(root, split), _cameras(root)
    nothing = True
    for scene in scenes:
        for name, numbers in sorted(frames.get(scene, {}).items()):
            if scene not in cameras:
                raise SourceError(f"{root.url}: {CAMERA_CSV} has no row for {scene}")
            at = f"{top}{scene}"
            for entry in _entries(root, at, name, sorted(numbers), cameras[scene], image):
                nothing = False
                yield entry
    if nothing:
        raise SourceError(f"{root.url}: no geometry of split {split} in its {len(scenes)} scenes")


def load(root: Folder, entry: Entry, kinds: Collection[str]) -> Sample:
    """The frame, tone-mapped or as its preview JPEG, and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    jpeg = entry.files["image"].path.endswith(".jpg")
    pixels = records.read_image(root, entry) if jpeg else _tonemapped(root, entry)
    readers = {"depth": _depth, "normals": _normals}
    return Sample(image=pixels, labels={k: readers[k](root, entry) for k in LABELS if k in kinds})


def _scenes(root: Folder) -> tuple[str, list[str]]:
    """The folder of the scenes ("" or with its slash), and their names."""
    for at in SCENES_AT:
        if found := [name for name in root.folders(at) if SCENE.fullmatch(name)]:
            return (f"{at}/" if at else "", found)
    raise SourceError(f"{root.url}: no scenes ai_VVV_NNN in {', '.join(SCENES_AT[:2])} or the root")


def _frames(root: Folder, split: str) -> dict[str, dict[str, set[int]]]:
    """Scene -> camera -> numbers of the public frames of a partition."""
    frames: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    wanted = SPLITS[:3] if split == "all" else (split,)
    rows = _rows(root, SPLIT_AT, SPLIT_CSV)
    for line, row in enumerate(rows, 2):
        try:
            public = {"True": True, "False": False}[row["included_in_public_release"]]
            if public and row["split_partition_name"] in wanted:
                if not CAMERA.fullmatch(row["camera_name"]):
                    raise ValueError(f"camera {row['camera_name']!r}, expected cam_NN")
                frames[row["scene_name"]][row["camera_name"]].add(int(row["frame_id"]))
        except (KeyError, TypeError, ValueError) as err:
            raise SourceError(f"{SPLIT_CSV}, line {line}: {err!r}") from err
    return frames


def _cameras(root: Folder) -> dict[str, Camera]:
    """Scene -> its camera."""
    cameras: dict[str, Camera] = {}
    for line, row in enumerate(_rows(root, CAMERA_AT, CAMERA_CSV), 2):
        try:
            matrix = tuple(float(row[f"M_cam_from_uv_{k // 3}{k % 3}"]) for k in range(9))
            width, height = (float(row[f"settings_output_img_{k}"]) for k in ("width", "height"))
            if not all(map(math.isfinite, matrix)) or not 0 < width * height <= MAX_PIXELS:
                raise ValueError(f"camera of {width}x{height} pixels, M_cam_from_uv {matrix}")
            cameras[row["scene_name"]] = Camera(int(width), int(height), matrix)
        except (KeyError, TypeError, ValueError) as err:
            raise SourceError(f"{CAMERA_CSV}, line {line}: {err!r}") from err
    return cameras


def _rows(root: Folder, places: tuple[str, ...], name: str) -> Iterator[dict[str, str]]:
    """The rows of a CSV file that may lie in one of several folders."""
    path = next((at + name for at in places if root.exists(at + name)), places[0] + name)
    data = records.source_bytes(root, path, "part of the ml-hypersim repository")
    return csv.DictReader(io.StringIO(data.decode("utf-8", "replace"), newline=""))


def _entries(
    root: Folder, scene: str, name: str, numbers: list[int], camera: Camera, image: str
) -> Iterator[Entry]:
    """The frames of one camera of one scene."""
    wanted = {"image": IMAGES[image]} | GEOMETRY
    known: dict[str, int] = {}
    for folder in sorted({form.format(name, 0).rpartition("/")[0] for form in wanted.values()}):
        known |= records.sizes(root, f"{scene}/{folder}")
    paths = [{k: f"{scene}/{w.format(name, n)}" for k, w in wanted.items()} for n in numbers]
    offered = {key for files in paths for key, path in files.items() if path in known}
    labels = tuple(kind for kind in LABELS if kind in offered)
    for number, files in zip(numbers, paths, strict=True):
        if not labels or not known.keys() & set(files.values()):
            continue
        kept = offered | {"image"}
        yield Entry(
            id=f"{scene.rpartition('/')[2]}/{name}/{number:04d}",
            group=f"hypersim:{scene.rpartition('/')[2]}",
            width=camera.width,
            height=camera.height,
            license=LICENSE,
            files={k: records.file_ref(path, known) for k, path in files.items() if k in kept},
            labels=labels,
            camera=pinhole(camera),
            record=records.pack({"M_cam_from_uv": camera.matrix}),
        )


def _array(root: Folder, entry: Entry, key: str, *tail: int) -> NDArray[Any]:
    dtype = np.int16 if key == "entities" else np.float16
    shape, path = (entry.height, entry.width, *tail), entry.files[key].path
    return read_array(records.read(root, entry, key), shape, dtype, path)


def _rays(entry: Entry) -> NDArray[np.float64]:
    return rays(tuple(json.loads(entry.record)["M_cam_from_uv"]), entry.width, entry.height)


def _tonemapped(root: Folder, entry: Entry) -> NDArray[np.uint8]:
    color = _array(root, entry, "image", 3)
    if np.isnan(color).any():
        bad = int(np.isnan(color).any(-1).sum())
        raise BadSample("out of range", f"{bad} pixels are NaN", entry.files["image"].path)
    valid = np.ones(color.shape[:2], np.bool_)
    if "entities" in entry.files:
        valid = _array(root, entry, "entities") != NOTHING
    return tonemap(color, valid)


def _depth(root: Folder, entry: Entry) -> Depth:
    import torch

    distance = _array(root, entry, "depth").astype(np.float64)
    with np.errstate(invalid="ignore"):  # NaN and inf: no surface
        planar = distance * _rays(entry)[2]
        valid = np.isfinite(planar) & (planar > 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a depth", entry.files["depth"].path)
    metres = np.where(valid, planar, 0).astype(np.float32)
    return Depth(metres=torch.from_numpy(metres), valid=torch.from_numpy(valid))


def _normals(root: Folder, entry: Entry) -> Normals:
    import torch

    stored = _array(root, entry, "normals", 3)
    if "entities" in entry.files:
        sky = _array(root, entry, "entities") == NOTHING
    else:
        sky = np.isnan(stored).any(-1)
    xyz, valid = orient(stored, _rays(entry), sky)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a normal", entry.files["normals"].path)
    return Normals(
        xyz=torch.from_numpy(xyz), valid=torch.from_numpy(valid), sky=torch.from_numpy(sky)
    )
