"""DSINE's pack of surface normals: six benchmarks in one coding, as Lotus and others score on them.

Licence: that of each data set; whoever downloads the pack agrees to all. Layout of dsine_eval.zip,
unpacked in the root, with or without its folder dsine_eval:

    dsine_eval/nyuv2/{test,train}/000000_{img,normal}.png        8 bits; GeoNet's normals
    dsine_eval/scannet/scene0532_00/000000_{img,normal}.png      8 bits; FrameNet's, and its split
    dsine_eval/ibims/ibims/corridor_01_{img.png,normal.exr}      float; planes fitted by DSINE
    dsine_eval/sintel/alley_1/frame_0001_{img.png,normal.exr}    float; planes fitted by DSINE
    dsine_eval/vkitti/Scene01/000000_{img.jpg,normal.png}        16 bits; planes fitted by DSINE
    dsine_eval/oasis/val/100277_DT_{img.png,normal.pkl}          a pickle with an array; people's
    .../*_intrins.npy                                            3 x 3 floats, in pixels

- Coding: n = 2 v / 255 - 1, with 65535 for 16 bits; floats are the vector itself.
- Axes: right, down, forward, but *outward*: a wall that faces the camera is stored as (0, 0, 1).
  So n in OpenCV axes, facing the camera, is -stored. That is the frame x left, y up, z to the
  viewer, and the colours of an 8-bit file are those that vbdata draws (transforms/normals.py).
- oasis: a dict with a box min_y, max_y, min_x, max_x, both ends in it, and the normals in it, whose
  x and y point the other way: n = (x, y, -z) of what is stored. Read by an allow-list
  (formats/array_pickle.py): nothing runs. A coordinate beyond the picture is a fault.
- Valid: 8 and 16 bits where a channel is not 0, floats where the vector is longer than 0.5, oasis
  where a component is not 0. Vectors are scaled to length 1, which no angle depends on. As in
  the official scoring, ones that face away from the camera stay.
- The camera is that of the _intrins.npy, where it is one.
- Groups: nyuv2 by scene (files are numbered as in the .mat, from 0), scannet by room, all its scans
  together, vkitti by KITTI's drive, sintel by sequence; ibims and oasis each picture its own.
  Sintel and NYUv2's frames in other packs have the same.
- vkitti's normals are fitted planes, not those that vkitti2.py makes of the depth maps, and are
  another truth. sampled_files.json in the pack's repository says where its frames are from.

Nothing of it was seen here: layout, coding and counts are those of the loaders and lists.

Sources: baegwangbin/DSINE at ef0c2af, data/datasets/*; the axes by its author in issues #8 and #12;
Bae and Davison, "Rethinking Inductive Biases for Surface Normal Estimation", CVPR 2024.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import exr, images
from vbdata.core.labels import Normals
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import array_pickle
from .formats.plain_pickle import UnsafePickle
from .parts import own_records, picture_files, records, spans
from .parts.folders import cameras
from .parts.nyuv2 import scenes
from .vkitti2 import DRIVES

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "of each data set"
HOMEPAGE = "https://github.com/baegwangbin/DSINE"
LABELS = ("normals",)
STORED = {
    "depth": "none",
    "unit": "none",
    "sky": "no vector",
    "invalid": "0 in 8 and 16 bits, shorter than 0.5 as floats",
    "normals": "left, up, backward; of oasis right, down, backward",
}

PARTS = {  # folder, type of the normals' files, how many
    "nyuv2": ("nyuv2/test", "png", 654),
    "nyuv2-train": ("nyuv2/train", "png", 795),
    "scannet": ("scannet", "png", 300),
    "ibims": ("ibims", "exr", 100),
    "sintel": ("sintel", "exr", 1064),
    "vkitti": ("vkitti", "png", 1000),
    "oasis": ("oasis", "pkl", 10000),
}
HOLDOUTS = {f"dsine-{part}": {"part": part} for part in ("nyuv2", "scannet", "ibims", "sintel")}
TOP = "dsine_eval"
BITS = {"vkitti": np.uint16}  # of a PNG's channels; else 8
FRAME = re.compile(r"(?:.*/)?(?P<scene>[^/]+)/(?P<name>[^/]+)_(?:img\.\w+|normal\.(?:png|exr|pkl))")
SHORTEST = 0.5  # of a vector of floats that is one
BOX = ("min_y", "max_y", "min_x", "max_x")


def index(root: Root, *, part: str = "nyuv2") -> Iterator[Entry]:
    """The pictures of one benchmark, in the order of their paths.

    part: nyuv2 (its test set), nyuv2-train, scannet, ibims, sintel, vkitti or oasis. A file that is
    missing beside others is a fault of its picture. Raises SourceError if there are none.
    """
    records.one_of("part", part, PARTS)
    return spans.Spans(_all(root, part), partial(_filled, root), spans.HEADS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, part: str) -> Iterator[Entry]:
    """The pictures of one benchmark before they are measured. Raises SourceError."""
    folder, kind, _ = PARTS[part]
    top = f"{TOP}/{folder}" if root.exists(TOP) else folder
    sizes = records.sizes(root, top)
    found = {(m["scene"], m["name"]) for path in sizes if (m := FRAME.fullmatch(path))}
    if not found:
        raise SourceError(
            f"{root.url}: no files SCENE/NAME_img.png and NAME_normal.{kind} in {top}"
        )
    flat = part.startswith("nyuv2")
    for scene, name in sorted(found, key="/".join):
        stem = f"{top}/{name}" if flat else f"{top}/{scene}/{name}"
        yield _entry(part, kind, stem, (scene, name), sizes)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its normals. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"normals": _normals(root, entry)} if kinds else {})


def official(*, part: str = "nyuv2") -> Official:
    """The pack, and how many pictures of a part its lists have."""
    records.one_of("part", part, PARTS)
    folder, _, count = PARTS[part]
    url = "https://drive.google.com/drive/folders/1t3LMJIIrSnCGwOEf53Cyg0lkSXd3M4Hm"
    path, archive = f"{TOP}/{folder}", f"{TOP}.zip"
    return Official(
        entries=count,
        downloads=(Download(path=path, archive=archive, url=url, also=(folder,)),),
    )


def _entry(part: str, kind: str, stem: str, names: tuple[str, str], sizes: dict[str, int]) -> Entry:
    """A picture's entry, its camera's file among its own. names: its scene's and its own."""
    scene, name = names
    camera = f"{stem}_intrins.npy"
    return Entry(
        id=f"{scene}/{name}",
        group=_group(part, scene, name),
        width=0,
        height=0,
        license=LICENSE,
        files={
            "image": records.picture_ref(
                f"{stem}_img", "jpg" if part == "vkitti" else "png", sizes
            ),
            "normals": records.file_ref(f"{stem}_normal.{kind}", sizes),
        }
        | ({"camera": records.file_ref(camera, sizes)} if camera in sizes else {}),
        labels=LABELS,
        record=records.pack({"part": part}),
    )


def _group(part: str, scene: str, name: str) -> str:
    """What must not be split, in the same words as in the readers of the data sets themselves."""
    if part.startswith("nyuv2") and name.isascii() and name.isdigit():
        return scenes.group(int(name) + 1)
    if part == "scannet":
        return f"scannet:{scene.rpartition('_')[0] or scene}"
    if part == "vkitti" and scene in DRIVES:
        return f"kitti:{DRIVES[scene]}"
    return f"{part}:{name}" if part in ("ibims", "oasis") else f"{part}:{scene}"


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with its size, or its fault, and its camera if there is one: no score needs it."""
    files = dict(entry.files)
    file = files.pop("camera", None)
    bare = replace(entry, files=files)
    entry = own_records.measured_or_faulty(root, picture_files.STORED, bare)
    if entry.fault:
        return entry
    try:
        size = entry.width, entry.height
        camera = cameras.camera(root.read(file.path), file.path, size) if file else None
    except BadSample:
        return entry
    return replace(entry, camera=camera)


def _normals(root: Root, entry: Entry) -> Normals:
    """An entry's normals in OpenCV axes, facing the camera. Raises BadSample."""
    part, path = records.unpack(entry.record)["part"], entry.files["normals"].path
    data = records.read(root, entry, "normals")
    if path.endswith(".pkl"):
        stored, valid = _boxed(data, entry, path)
    elif path.endswith(".exr"):
        stored = exr.read(data, path)
        _check(stored, np.floating, entry, path)
        stored = stored.astype(np.float32, copy=False)
        with np.errstate(invalid="ignore", over="ignore"):  # NaN: no vector
            valid = np.asarray(np.sqrt((stored * stored).sum(-1)) > SHORTEST)
        valid &= np.isfinite(stored).all(-1)
    else:
        bits = BITS.get(part, np.uint8)
        raw = images.decode_png_raw(data, path)
        _check(raw, bits, entry, path)
        valid = np.asarray(raw.any(-1))
        stored = raw.astype(np.float32) / np.float32(np.iinfo(bits).max) * np.float32(2) - 1
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a normal", path)
    return _label(-np.moveaxis(stored, -1, 0), valid)


def _label(xyz: NDArray[np.float32], valid: NDArray[np.bool_]) -> Normals:
    """The label of vectors [3, H, W] of any length above 0 where they are valid."""
    wide = xyz.astype(np.float64)
    length = np.sqrt((wide * wide).sum(0))
    valid = valid & (length > 0)
    unit = np.where(valid, wide, 0.0) / np.where(valid, length, 1.0)
    return Normals(
        xyz=np.ascontiguousarray(unit + 0.0, np.float32), valid=valid, sky=np.zeros_like(valid)
    )


def _check(stored: NDArray[Any], kind: Any, entry: Entry, path: str) -> None:
    """Raise BadSample unless an array is [H, W, 3], of a kind and of the entry's size."""
    if stored.ndim != 3 or stored.shape[2] != 3 or not np.issubdtype(stored.dtype, kind):
        detail = f"{stored.dtype} of shape {stored.shape}, expected {kind.__name__} of 3 channels"
        raise BadSample("wrong dtype", detail, path)
    records.check_size(stored.shape, entry, path)


def _boxed(data: bytes, entry: Entry, path: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The normals of an oasis pickle, stored as in the other parts, and where there are some."""
    try:
        found = array_pickle.plain(data)
    except UnsafePickle as err:
        raise BadSample("unsafe pickle", str(err), path) from err
    except ValueError as err:
        raise BadSample("undecodable", f"no pickle of arrays: {err}", path) from err
    if not isinstance(found, dict) or not isinstance(found.get("normal"), np.ndarray):
        raise BadSample("garbled annotation", "no dict with an array `normal`", path)
    box = [number for key in BOX if records.whole(number := found.get(key))]
    if len(box) < len(BOX):
        said = [found.get(key) for key in BOX]
        raise BadSample("garbled annotation", f"its box is {said!r:.80}", path)
    top, bottom, left, right = box
    inside = found["normal"]
    if bottom >= entry.height or right >= entry.width:
        detail = f"its box ends at {right}, {bottom} in a picture {entry.width}x{entry.height}"
        raise BadSample("out of range", detail, path)
    if inside.shape != (bottom - top + 1, right - left + 1, 3) or inside.dtype.kind != "f":
        detail = f"{inside.dtype} {list(inside.shape)} in a box of {box}"
        raise BadSample("wrong size", detail, path)
    if not np.isfinite(inside).all():
        raise BadSample("out of range", "a normal is NaN or infinite", path)
    stored = np.zeros((entry.height, entry.width, 3), np.float32)
    stored[top : bottom + 1, left : right + 1] = inside * np.array([-1, -1, 1], np.float32)
    return stored, np.asarray(stored.any(-1))
