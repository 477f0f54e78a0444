"""A miniature NYU Depth V2: two rooms as BTS's synchronised frames, or as the labelled .mat file.

Full size, as the real frames have fixed intrinsics and borders: a white frame around the picture,
no depth outside of the projection, holes as a Kinect leaves them, and nothing measured beyond 10 m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream, mix64, word_of

from .caster import cast, develop, rays
from .nyuv2_mat import write_labeled, write_splits
from .places import furnished, room_camera, room_size
from .scene import Truth, lens_of

WIDTH, HEIGHT = 640, 480
FOCUS = (518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465)
PICTURE = (slice(7, 474), slice(7, 632))  # white outside
PROJECTED = (slice(44, 471), slice(40, 601))  # no raw depth outside
FARTHEST = 10.0  # metres, where the toolbox cuts depth off
SCENES = {"bedroom_0004": "train", "kitchen_0004": "test"}
NAMES = (
    *("wall", "floor", "ceiling", "chair", "sofa", "table", "refridgerator", "plant", "vase"),
    *("bottle", "ball", "suitcase", "unknown", "books"),
)
LABELS = {
    "couch": "sofa",
    "dining table": "table",
    "refrigerator": "refridgerator",
    "potted plant": "plant",
    "sports ball": "ball",
    "carpet": "floor",
}
GAP = 3  # pixels between two objects that nobody labelled: columns at the left of each


def write(folder: Path, *, seed: int = 0, frames: int = 2, labeled: bool = False) -> None:
    """Lay out `frames` frames a scene: sync/ by default, the .mat and splits.mat if labeled."""
    shots = list(truth(seed=seed, frames=frames))
    if labeled:
        _write_mat(folder, shots, seed)
        return
    for shot in shots:
        path = folder / shot.image
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_jpeg(picture(shot)))
        stored = np.floor(raw_depth(shot, seed).astype(np.float64) * 1000 + 0.5).astype(np.uint16)
        name = path.name.replace("rgb_", "sync_depth_").replace(".jpg", ".png")
        path.with_name(name).write_bytes(cv2.imencode(".png", stored)[1].tobytes())


def truth(*, seed: int = 0, frames: int = 2) -> Iterator[Truth]:
    """The frames in the order of the .mat; `id` is scene/number."""
    for name, split in SCENES.items():
        stream = Stream(seed, "nyuv2", name)
        size = room_size(stream)
        cameras = [
            replace(room_camera(stream, WIDTH, HEIGHT, size), lens=lens_of(*FOCUS))
            for _ in range(frames)
        ]
        scene = furnished(stream, cameras, size, window=True)
        for number, camera in enumerate(cameras):
            yield Truth(
                image=f"sync/{name}/rgb_{number:05d}.jpg",
                id=f"{name}/{number:05d}",
                split=split,
                scene=scene,
                camera=camera,
                frame=cast(scene, rays(camera), camera.rotation, camera.position),
            )


def picture(shot: Truth) -> NDArray[np.uint8]:
    """The picture of a frame, uint8 RGB [H, W, 3], with the white frame of undistortion."""
    framed = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    framed[PICTURE] = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))[PICTURE]
    return framed


def filled_depth(shot: Truth) -> NDArray[np.float32]:
    """The filled depth of a frame, float32[H, W] metres, at most 10."""
    return np.minimum(shot.frame.depth, FARTHEST).astype(np.float32)


def raw_depth(shot: Truth, seed: int = 0) -> NDArray[np.float32]:
    """The raw depth of a frame, float32[H, W] metres, 0 beside steps and at random pixels."""
    filled = filled_depth(shot)
    words = mix64(
        np.arange(filled.size, dtype=np.uint64), word_of(seed, "nyuv2", "echoes", shot.id)
    )
    heard = (words % np.uint64(1000) < np.uint64(980)).reshape(filled.shape)
    step = np.abs(np.diff(filled, axis=1, prepend=filled[:, :1])) > 0.2
    heard &= ~(cv2.dilate(step.astype(np.uint8), np.ones((1, 9), np.uint8)) > 0)
    raw = np.zeros_like(filled)
    raw[PROJECTED] = np.where(heard, filled, np.float32(0))[PROJECTED]
    return raw


def label_maps(shot: Truth) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """The (label, instance) maps of a frame, both [H, W]; 0, 0 is unlabelled.

    Vases are of the class unknown, and the suitcases were never told apart: instance 0.
    """
    labels, instances = [0], [0]
    counts: dict[str, int] = {}
    for surface in shot.scene.surfaces:
        name = surface.name if surface.thing else surface.name.partition("-")[0]
        name = "unknown" if name == "vase" else LABELS.get(name, name)
        counts[name] = counts.get(name, 0) + 1
        labels.append(NAMES.index(name) + 1)
        instances.append(0 if name == "suitcase" else counts[name])
    ids = shot.frame.ids
    edge = np.diff(ids, axis=1, prepend=ids[:, :1]) != 0
    seen = np.where(cv2.dilate(edge.astype(np.uint8), np.ones((1, GAP), np.uint8)) > 0, 0, ids)
    return np.array(labels, np.uint16)[seen], np.array(instances, np.uint8)[seen]


def _write_mat(folder: Path, shots: list[Truth], seed: int) -> None:
    maps = [label_maps(shot) for shot in shots]
    frames: dict[str, list[NDArray[Any]]] = {
        "images": [picture(shot) for shot in shots],
        "depths": [filled_depth(shot) for shot in shots],
        "rawDepths": [raw_depth(shot, seed) for shot in shots],
        "labels": [labels for labels, _ in maps],
        "instances": [instances for _, instances in maps],
    }
    scenes = [shot.id.partition("/")[0] for shot in shots]
    write_labeled(folder / "nyu_depth_v2_labeled.mat", frames, names=NAMES, scenes=scenes)
    numbers = {
        column: [k for k, shot in enumerate(shots, 1) if shot.split == split]
        for column, split in {"trainNdxs": "train", "testNdxs": "test"}.items()
    }
    write_splits(folder / "splits.mat", numbers)
