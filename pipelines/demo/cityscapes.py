"""A miniature Cityscapes: streets of five cities with all of the official kinds of label maps.

A twentieth of the real size, about. Instances are numbered from 0 on; cars beyond 30 m or of few
pixels are one group, whose pixels have the plain label id. As in the real maps, rows at the bottom
are the ego vehicle, and a border is out of roi. Traffic lights are drawn as a pole group in one
city, which the evaluation ignores. Maps of train ids lie beside, as users make them.
"""

from __future__ import annotations

import json
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

WIDTH, HEIGHT = 96, 48
CITIES = {"train": ("aachen", "bremen", "zurich"), "val": ("frankfurt", "lindau")}
FAR = 30.0  # metres beyond which cars are not told apart
FEW = 20  # pixels below which they are not told apart, either
EGO, ROI, CAR, POLE_GROUP = 1, 3, 26, 18
BORDER, HOOD = 1, 3  # pixels out of roi at the sides; rows of the ego vehicle
STUFF = {  # class of the caster -> label id, train id
    "sky": (23, 10),
    "road": (7, 0),
    "pavement": (8, 1),
    "grass": (22, 9),
    "tree": (21, 8),
    "traffic light": (19, 6),
    "building-other": (11, 2),
}
TRAIN_OF = dict(STUFF.values()) | {CAR: 13}
IGNORED_IN = "lindau"


def write(folder: Path, *, seed: int = 0, frames: int = 2) -> None:
    """Lay out leftImg8bit/ and gtFine/; `frames` pictures a city, and one of test without truth."""
    for shot in truth(seed=seed, frames=frames):
        rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
        codes = instance_map(shot)
        labels = np.where(codes >= 1000, codes // 1000, codes).astype(np.uint8)
        made = np.full(256, 255, np.uint8)
        made[list(TRAIN_OF)] = list(TRAIN_OF.values())
        stem = shot.image.replace("leftImg8bit", "gtFine").removesuffix(".png")
        _write_png(folder / shot.image, rgb)
        _write_png(folder / f"{stem}_instanceIds.png", codes)
        _write_png(folder / f"{stem}_labelIds.png", labels)
        _write_png(folder / f"{stem}_labelTrainIds.png", made[labels])
        about = {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": []}
        (folder / f"{stem}_polygons.json").write_text(json.dumps(about), encoding="ascii")
    _write_png(folder / "leftImg8bit/test/berlin/berlin_000000_000019_leftImg8bit.png", rgb)


def truth(*, seed: int = 0, frames: int = 2) -> Iterator[Truth]:
    """The frames by split and id, which is CITY_SEQUENCE_FRAME."""
    for split, cities in CITIES.items():
        for city in cities:
            for number in range(frames):
                stream = Stream(seed, "cityscapes", city, number)
                scene = avenue(stream)
                camera = Camera(
                    width=WIDTH,
                    height=HEIGHT,
                    lens=lens_of(105.0, 105.0, WIDTH / 2, HEIGHT / 2 - 3),
                    rotation=looking(stream.uniform(-4, 4), stream.uniform(0, 3)),
                    position=(0.9, 0.0, 1.2),
                )
                name = f"{city}_{number:06d}_000019"
                yield Truth(
                    image=f"leftImg8bit/{split}/{city}/{name}_leftImg8bit.png",
                    id=name,
                    split=split,
                    scene=scene,
                    camera=camera,
                    frame=shoot(scene, camera),
                )


def instance_map(shot: Truth) -> NDArray[np.uint16]:
    """uint16[H, W]: 1000 x label id + instance number for near cars, else the plain label id."""
    codes, cars = [STUFF["sky"][0]], 0
    for surface_id, surface in enumerate(shot.scene.surfaces, 1):
        seen = shot.frame.ids == surface_id
        if surface.name == "car":
            near = int(seen.sum()) >= FEW and shot.frame.depth[seen].min() < FAR
            codes.append(CAR * 1000 + cars if near else CAR)
            cars += near
        elif surface.name == "traffic light" and IGNORED_IN in shot.id:
            codes.append(POLE_GROUP)
        else:
            codes.append(STUFF[surface.name][0])
    coded = np.array(codes, np.uint16)[shot.frame.ids]
    coded[-HOOD:] = EGO
    coded[:, :BORDER] = coded[:, -BORDER:] = ROI
    return coded


def _write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())
