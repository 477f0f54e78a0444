"""A miniature ADE20K: balls and a mirror on a wall, in the files of either release.

Scene parsing: the floor is given no class, which is void; instances of the red ball are not told,
and the first image has no map of instances. Full set: balls have a part, and the part another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from . import marked_balls as balls
from .balls import FLOOR, WALL, Still

COUNTS = {"training": 4, "validation": 1}
SKY, GREY_WALL, BALL, FLAG = 3, 1, 120, 150  # of the 150 classes
BALL_AS_THING = 76  # of the 100 classes that are counted
NDX = {"sky": 2420, "wall": 2978, "ball": 103, "rim": 2162, "handle": 1180}  # of the full set
LEVELS = {"sky": 0, "wall": 0, "ball": 0, "rim": 1, "handle": 2}
SAID = {"ball": "ball, sphere"}  # classes whose name has synonyms

Map = NDArray[np.uint8]


class Shown(NamedTuple):
    """An image. first: whether it has no map of instances."""

    name: str
    split: str
    shot: Still
    first: bool


def write(folder: Path, *, seed: int = 0, release: str = "scene_parsing") -> None:
    """Lay out ADEChallengeData2016/, or ADE20K_2021_17_01/."""
    for each in truth(seed=seed):
        if release == "full":
            _write_full(folder / "ADE20K_2021_17_01/images/ADE" / each.split / "home/hall", each)
            continue
        top, name = folder / "ADEChallengeData2016", f"{each.split}/{each.name}"
        balls.put(top / f"images/{name}.jpg", each.shot)
        _png(top / f"annotations/{name}.png", semantic(each.shot))
        if not each.first:
            _png(top / f"annotations_instance/{name}.png", instances(each.shot))


def truth(*, seed: int = 0) -> Iterator[Shown]:
    """The images of training, then of validation, by name."""
    for split, count in COUNTS.items():
        short = {"training": "train", "validation": "val"}[split]
        for number in range(1, count + 1):
            shot = balls.shot(seed, "ade20k", split, number)
            yield Shown(f"ADE_{short}_{number:08d}", split, shot, number == 1)


def semantic(shot: Still) -> Map:
    """uint8[H, W] of the 150 classes, 0 where there is none."""
    found = np.full(shot.ids.shape, BALL, np.uint8)
    found[shot.ids == 0], found[shot.ids == WALL], found[shot.ids == FLOOR] = SKY, GREY_WALL, 0
    return found


def instances(shot: Still) -> Map:
    """uint8[H, W, 3] RGB: the number of the class that is counted, and of the instance."""
    found = np.zeros((*shot.ids.shape, 3), np.uint8)
    for number, ball in enumerate((4, 5), 1):
        found[shot.ids == ball] = (BALL_AS_THING, number, 0)
    return found


def objects(shot: Still) -> list[tuple[str, balls.Mask]]:
    """Objects and parts of the full set, each with its mask."""
    found = [("sky", shot.ids == 0), ("wall", shot.ids == WALL)]
    for mask in balls.seen(shot).values():
        part = balls.upper(mask)
        found += [("ball", mask), ("rim", part), ("handle", balls.upper(part))]
    return [(name, mask) for name, mask in found if mask.any()]


def _write_full(place: Path, each: Shown) -> None:
    balls.put(place / f"{each.name}.jpg", each.shot)
    listed: list[dict[str, Any]] = []
    for level, end in enumerate(("seg", "parts_1", "parts_2")):
        coded = np.zeros((*each.shot.ids.shape, 3), np.uint8)
        here = [pair for pair in objects(each.shot) if LEVELS[pair[0]] == level]
        for number, (name, mask) in enumerate(here, 1):
            coded[mask] = (NDX[name] // 256 * 10, NDX[name] % 256, 255 * number // len(here))
            said = {"name": SAID.get(name, name), "raw_name": "caf\u00e9", "name_ndx": NDX[name]}
            parts = {"hasparts": [], "ispartof": [], "part_level": level}
            listed.append({"id": len(listed), **said, "parts": parts})
        _png(place / f"{each.name}_{end}.png", coded)
    value = {"annotation": {"filename": f"{each.name}.jpg", "object": listed}}
    text = json.dumps(value, ensure_ascii=False)
    (place / f"{each.name}.json").write_bytes(text.encode("cp1252" if each.first else "utf-8"))


def _png(path: Path, pixels: Map) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())
