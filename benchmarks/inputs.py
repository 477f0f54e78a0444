"""The benchmark's inputs by mixture: labels in official layouts, photographs in img2dataset's tars.

Seeded and cached: `make(samples, mixture)` returns a folder with coco/, vkitti2/, hypersim/ and
photos/ below bench/, which git ignores. All pictures are JPEG and can pass through as they are, so
that it is the rendering and encoding of labels, and the copying of photographs, that is compared.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from benchmarks import photos, pictures
from benchmarks.pictures import HEIGHT, WIDTH

SEED = 20240229
VERSION = 3  # of the pictures: part of the cache's name
BENCH = Path(__file__).resolve().parent.parent / "bench"

CATEGORIES = 40
POLYGONS = (5, 12)  # a picture, the last exclusive: 8 on average
VARIATION = "Scene01/clone"
SCENE, CAMERA = "ai_001_001", "cam_00"
HALF_WIDTH = 0.577  # tangent of half the field of view


# Samples of each kind in a hundred: the paper's mixture is the generator's own data with a small
# share of vision data; `labels` is that share alone.
MIXTURES = {
    "labels": {"coco": 40, "vkitti2": 40, "hypersim": 20},
    "paper": {"photos": 90, "vkitti2": 5, "coco": 3, "hypersim": 2},
    "replay": {"photos": 100},
}


def counts(samples: int, mixture: str) -> dict[str, int]:
    """How many samples each dataset has; they add up to `samples`, the last taking what is left."""
    shares = MIXTURES[mixture]
    found = {name: samples * share // 100 for name, share in shares.items()}
    found[list(shares)[-1]] += samples - sum(found.values())
    return found


def make(samples: int, mixture: str = "labels") -> Path:
    """The folder of the inputs, made if it is not there yet."""
    folder = BENCH / f"inputs-{mixture}-{samples}-v{VERSION}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for name, count in counts(samples, mixture).items():
            WRITERS[name](folder / name, count)
        (folder / "done").touch()
    return folder


def write_coco(root: Path, count: int) -> None:
    """Write train2017/*.jpg and annotations/instances_train2017.json."""
    (root / "train2017").mkdir(parents=True)
    (root / "annotations").mkdir()
    _each(_coco_picture, root, count)
    annotations = [a for number in range(count) for a in _annotations(number)]
    table = {
        "images": [
            {"id": n + 1, "file_name": f"{n + 1:012d}.jpg", "width": WIDTH, "height": HEIGHT}
            for n in range(count)
        ],
        "annotations": annotations,
        "categories": [{"id": k, "name": f"thing {k:02d}"} for k in range(1, CATEGORIES + 1)],
    }
    (root / "annotations/instances_train2017.json").write_text(json.dumps(table))


def write_vkitti2(root: Path, count: int) -> None:
    """Write pictures and depth of one camera of one variation."""
    for kind in ("rgb", "depth"):
        _vkitti_folder(root, kind).mkdir(parents=True)
    _each(_vkitti_frame, root, count)


def write_hypersim(root: Path, count: int) -> None:
    """Write one scene with preview JPEGs and normal_cam, and the two tables."""
    for kind in ("final_preview", "geometry_hdf5"):
        _hypersim_folder(root, kind).mkdir(parents=True)
    tall = HALF_WIDTH * HEIGHT / WIDTH
    matrix = (HALF_WIDTH, 0, 0, 0, tall, 0, 0, 0, -1)
    names = [f"M_cam_from_uv_{k // 3}{k % 3}" for k in range(9)]
    head = ["scene_name", "settings_output_img_width", "settings_output_img_height", *names]
    row = [SCENE, float(WIDTH), float(HEIGHT), *matrix]
    lines = [",".join(head), ",".join(map(str, row))]
    (root / "metadata_camera_parameters.csv").write_text("\n".join(lines) + "\n")
    head = ["scene_name", "camera_name", "frame_id", "included_in_public_release"]
    lines = [",".join([*head, "exclude_reason", "split_partition_name"])]
    lines += [f"{SCENE},{CAMERA},{number},True,,train" for number in range(count)]
    (root / "metadata_images_split_scene_v1.csv").write_text("\n".join(lines) + "\n")
    _each(_hypersim_frame, root, count)


def write_photos(root: Path, count: int) -> None:
    """Write tars of photographs with captions, as img2dataset does."""
    root.mkdir(parents=True)
    shares = [part.tolist() for part in np.array_split(np.arange(count), photos.TARS)]
    with multiprocessing.Pool() as pool:
        pool.starmap(photos.write_tar, [(root, n, share) for n, share in enumerate(shares)])


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "photos": write_photos,
    "coco": write_coco,
    "vkitti2": write_vkitti2,
    "hypersim": write_hypersim,
}


def _each(write: Callable[[Path, int], None], root: Path, count: int) -> None:
    with multiprocessing.Pool() as pool:
        pool.starmap(write, [(root, number) for number in range(count)], chunksize=8)


def _coco_picture(root: Path, number: int) -> None:
    rng = np.random.default_rng((SEED, 1, number))
    _write(root / f"train2017/{number + 1:012d}.jpg", pictures.photograph(rng), 90)


def _annotations(number: int) -> list[dict[str, object]]:
    rng = np.random.default_rng((SEED, 2, number))
    annotations: list[dict[str, object]] = []
    for k in range(int(rng.integers(*POLYGONS))):
        polygon = pictures.outline(rng)
        x, y = np.array(polygon[::2]), np.array(polygon[1::2])
        area = abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
        annotations.append(
            {
                "id": number * 100 + k + 1,
                "image_id": number + 1,
                "category_id": int(rng.integers(1, CATEGORIES + 1)),
                "segmentation": [polygon],
                "area": round(area, 2),
                "bbox": [float(v) for v in (x.min(), y.min(), np.ptp(x), np.ptp(y))],
                "iscrowd": 0,
            }
        )
    return annotations


def _vkitti_folder(root: Path, kind: str) -> Path:
    return root / VARIATION / "frames" / kind / "Camera_0"


def _vkitti_frame(root: Path, number: int) -> None:
    rng = np.random.default_rng((SEED, 3, number))
    picture = _vkitti_folder(root, "rgb") / f"rgb_{number:05d}.jpg"
    _write(picture, pictures.photograph(rng), 90)
    _write(_vkitti_folder(root, "depth") / f"depth_{number:05d}.png", pictures.depth(rng))


def _hypersim_folder(root: Path, kind: str) -> Path:
    return root / SCENE / "images" / f"scene_{CAMERA}_{kind}"


def _hypersim_frame(root: Path, number: int) -> None:
    rng = np.random.default_rng((SEED, 4, number))
    preview = _hypersim_folder(root, "final_preview") / f"frame.{number:04d}.tonemap.jpg"
    _write(preview, pictures.photograph(rng), 90)
    path = _hypersim_folder(root, "geometry_hdf5") / f"frame.{number:04d}.normal_cam.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "dataset", data=pictures.normals(rng), compression="gzip", compression_opts=9
        )


def _write(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16], quality: int = 0) -> None:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if quality else []
    path.write_bytes(cv2.imencode(path.suffix, pixels, options)[1].tobytes())
