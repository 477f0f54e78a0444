"""A miniature of KITTI's semantic and instance benchmark: streets with the labels of Cityscapes.

A quarter of the real size, in the five real shapes. Frame 0 has no published drive. The
cars beyond 30 m are one ungrouped crowd, buildings are numbered, and the last rows are unlabeled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from .caster import develop, shoot
from .places import avenue
from .scene import Truth, lens_of, looking
from .world import Camera

SHAPES = {0: (310, 94), 2: (310, 94), 3: (309, 93), 155: (306, 92), 157: (306, 93)}  # by frame
FAR = 30.0  # metres beyond which cars are not told apart
UNLABELED = 2  # rows at the bottom
THINGS = {"car": 26}
STUFF = {
    "sky": (23, (70, 130, 180)),
    "road": (7, (128, 64, 128)),
    "pavement": (8, (244, 35, 232)),
    "grass": (22, (152, 251, 152)),
    "tree": (21, (107, 142, 35)),
    "traffic light": (19, (250, 170, 30)),
    "building-other": (11, (70, 70, 70)),
}
CAR = (0, 0, 142)


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out training/, and testing/ with an image without labels."""
    for shot in truth(seed=seed):
        rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
        codes = instance_map(shot)
        name = f"{shot.id}_10.png"
        _write_png(folder / shot.image, rgb)
        _write_png(folder / "training/instance" / name, codes)
        _write_png(folder / "training/semantic" / name, (codes >> 8).astype(np.uint8))
        _write_png(folder / "training/semantic_rgb" / name, _colours(codes))
    _write_png(folder / "testing/image_2/000000_10.png", rgb)


def truth(*, seed: int = 0) -> Iterator[Truth]:
    """The training images in order; `id` is the frame's number in six digits."""
    for number, (width, height) in SHAPES.items():
        stream = Stream(seed, "kitti_semantic", number)
        scene = avenue(stream)
        camera = Camera(
            width=width,
            height=height,
            lens=lens_of(180.4, 180.4, width / 2, height / 2 - 4),
            rotation=looking(stream.uniform(-4, 4), stream.uniform(-0.5, 1.5)),
            position=(0.9, 0.0, 1.65),
        )
        yield Truth(
            image=f"training/image_2/{number:06d}_10.png",
            id=f"{number:06d}",
            split="training",
            scene=scene,
            camera=camera,
            frame=shoot(scene, camera),
        )


def instance_map(shot: Truth) -> NDArray[np.uint16]:
    """uint16[H, W]: 256 x label id + instance number; 0 in the unlabeled rows."""
    codes = [STUFF["sky"][0] * 256]
    cars = buildings = 0
    for surface_id, surface in enumerate(shot.scene.surfaces, 1):
        seen = shot.frame.ids == surface_id
        if surface.name in THINGS:
            near = bool(seen.any()) and shot.frame.depth[seen].min() < FAR
            cars += near
            codes.append(THINGS[surface.name] * 256 + (cars if near else 0))
        else:
            buildings += surface.name == "building-other"
            number = buildings if surface.name == "building-other" else 0
            codes.append(STUFF[surface.name][0] * 256 + number)
    coded = np.array(codes, np.uint16)[shot.frame.ids]
    coded[-UNLABELED:] = 0
    return coded


def _colours(codes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), np.uint8)
    for label, rgb in (*STUFF.values(), (THINGS["car"], CAR)):
        table[label] = rgb
    return table[codes >> 8]


def _write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())
