"""What a competent user writes today with cv2, h5py, pycocotools and NumPy; for two contenders.

Samples have the members and colours of vbdata's own, so that the work is equal. In places it is
less, and stays so: pictures are not searched for damage, normals are not turned to face the camera,
no manifest is kept.
"""

from __future__ import annotations

import csv
import functools
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

cv2.setNumThreads(1)

Record = dict[str, Any]
Pixels = NDArray[np.uint8]

LAMBDA, C = -3.0, 10 / 3
GREY = (128, 128, 128)
MAGENTA = (255, 0, 255)
CORNERS = np.array(
    [
        (0, 0, 0),
        (255, 0, 0),
        (255, 255, 0),
        (0, 255, 0),
        (0, 255, 255),
        (0, 0, 255),
        (255, 0, 255),
        (255, 255, 255),
    ],
    np.float32,
)
INSTRUCTIONS = {
    "semantic": "Segment this image with these colours: {}.",
    "depth": "Turn this image into a depth map, black near, white far.",
    "normals": "Generate a surface normal map of this image.",
}


def records(inputs: Path) -> list[Record]:
    """One record for each label, shuffled: id, task, picture and label file; polygons as JSON."""
    listed = [
        record
        for name, read in (("coco", _coco), ("vkitti2", _vkitti2), ("hypersim", _hypersim))
        if (inputs / name).exists()
        for record in read(inputs / name)
    ]
    order = np.random.default_rng(7).permutation(len(listed))
    return [listed[k] | {"key": f"{place:08d}"} for place, k in enumerate(order)]


def _coco(root: Path) -> list[Record]:
    table = json.loads((root / "annotations/instances_train2017.json").read_text())
    names = {category["id"]: category["name"] for category in table["categories"]}
    parts = defaultdict(list)
    for each in table["annotations"]:
        parts[each["image_id"]].append([names[each["category_id"]], each["segmentation"]])
    return [
        {
            "id": image["file_name"].removesuffix(".jpg"),
            "task": "semantic",
            "image": str(root / "train2017" / image["file_name"]),
            "label": json.dumps(parts[image["id"]]),
        }
        for image in table["images"]
    ]


def _vkitti2(root: Path) -> list[Record]:
    listed = []
    for path in sorted(root.glob("Scene*/*/frames/depth/Camera_*/*.png")):
        scene, variation, _, _, camera, _ = path.parts[-6:]
        number = path.stem.removeprefix("depth_")
        image = path.parents[2] / "rgb" / camera / f"rgb_{number}.jpg"
        name = f"{scene}/{variation}/{camera}/{number}"
        listed.append({"id": name, "task": "depth", "image": str(image), "label": str(path)})
    return listed


def _hypersim(root: Path) -> list[Record]:
    listed = []
    with (root / "metadata_images_split_scene_v1.csv").open() as file:
        for row in csv.DictReader(file):
            scene, camera, number = row["scene_name"], row["camera_name"], int(row["frame_id"])
            stem = str(root / scene / "images" / f"scene_{camera}")
            listed.append(
                {
                    "id": f"{scene}/{camera}/{number:04d}",
                    "task": "normals",
                    "image": f"{stem}_final_preview/frame.{number:04d}.tonemap.jpg",
                    "label": f"{stem}_geometry_hdf5/frame.{number:04d}.normal_cam.hdf5",
                }
            )
    return listed


def tars(inputs: Path) -> list[str]:
    """The tars of photographs with captions, none for a mixture of labels alone."""
    return [str(path) for path in sorted((inputs / "photos").glob("*.tar"))]


def photograph(jpg: bytes, caption: str, facts: dict[str, Any]) -> dict[str, bytes]:
    """The members of a photograph with its caption: its own bytes, a black input of its size."""
    sample_id = f"{facts['key'][:5]}.tar/{facts['key']}"
    described = {"sample_id": sample_id, "task": "generate", "params": "{}"}
    return {
        "input.jpg": _black(facts["width"], facts["height"]),
        "target.jpg": jpg,
        "instruction.txt": caption.encode(),
        "json": json.dumps(described).encode(),
    }


@functools.cache
def _black(width: int, height: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1])


def mark_start(folder: str) -> None:
    """Leave a file that tells the measuring process that the first sample is being made."""
    mark = Path(folder) / f"{os.getpid()}.started"
    if not mark.exists():
        mark.touch()


def render(record: Record) -> dict[str, bytes]:
    """The members of one sample by extension."""
    target, valid, params = TASKS[record["task"]](record["label"])
    facts = {"sample_id": record["id"], "task": record["task"], "params": json.dumps(params)}
    legend = ", ".join(f"{name} in {rgb}" for name, rgb in params.get("legend", []))
    return {
        "input.jpg": Path(record["image"]).read_bytes(),
        "target.png": _png(target[..., ::-1]),
        "valid.png": _png(np.where(valid, 255, 0).astype(np.uint8)),
        "instruction.txt": INSTRUCTIONS[record["task"]].format(legend).encode(),
        "json": json.dumps(facts).encode(),
    }


def pixels_of(data: bytes, flags: int) -> NDArray[Any]:
    """A picture's pixels. Raises ValueError if it cannot be decoded."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise ValueError(f"not a picture: {data[:16]!r}")
    return np.asarray(pixels)


def _png(pixels: Pixels) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


def _depth(path: str) -> tuple[Pixels, NDArray[np.bool_], dict[str, Any]]:
    """f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1) along the edges of the RGB cube."""
    stored = pixels_of(Path(path).read_bytes(), cv2.IMREAD_UNCHANGED)
    metres = stored.astype(np.float32) / 100
    f = 1 - (1 - metres / (LAMBDA * C)) ** (LAMBDA + 1)
    along = np.clip(f, 0, 1) * 7
    edge = np.minimum(along.astype(np.int32), 6)
    rest = (along - edge)[..., None]
    rgb = CORNERS[edge] * (1 - rest) + CORNERS[edge + 1] * rest
    target = np.rint(rgb).astype(np.uint8)
    target[stored == 0] = GREY
    return target, stored > 0, {"lambda": LAMBDA, "c": C}


def _normals(path: str) -> tuple[Pixels, NDArray[np.bool_], dict[str, Any]]:
    """Red is left, green up, blue toward the viewer; sky is magenta."""
    with h5py.File(path, "r") as file:
        stored = file["dataset"][()].astype(np.float32)
    missing = np.isnan(stored).any(-1)
    unit = stored / np.linalg.norm(stored, axis=-1, keepdims=True)
    unit[missing] = 0
    rgb = (1 + unit * np.array([-1, 1, 1], np.float32)) / 2
    target = np.rint(rgb * 255).astype(np.uint8)
    target[missing] = MAGENTA
    return target, np.ones(missing.shape, np.bool_), {}


def _semantic(label: str) -> tuple[Pixels, NDArray[np.bool_], dict[str, Any]]:
    """Each class in a colour of its own, the largest mask first."""
    parts = json.loads(label)
    names = sorted({name for name, _ in parts})
    rng = np.random.default_rng(len(label))
    colours = {name: rng.integers(64, 256, 3).tolist() for name in names}
    masks = []
    for name, polygons in parts:
        rle = coco_mask.merge(coco_mask.frPyObjects(polygons, 480, 640))
        masks.append((coco_mask.decode(rle).astype(bool), name))
    target = np.zeros((480, 640, 3), np.uint8)
    for mask, name in sorted(masks, key=lambda item: -int(item[0].sum())):
        target[mask] = colours[name]
    return target, np.ones((480, 640), np.bool_), {"legend": list(colours.items())}


TASKS = {"depth": _depth, "normals": _normals, "semantic": _semantic}


def done() -> dict[str, float]:
    """A contender's last line of output: when its last sample was written, by the clock."""
    return {"end": time.monotonic()}
