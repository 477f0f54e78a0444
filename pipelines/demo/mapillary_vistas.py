"""A miniature Mapillary Vistas of v2.0: balls as cars and people, with all three kinds of maps.

The floor is unlabeled, which is void; instances are numbered from 0; the yellow ball is a group
that was not split, which only the panoptic files say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import marked_balls as balls
from .balls import FLOOR, WALL, Still

COUNTS = {"training": 4, "validation": 1}
LABELS = (  # readable, name, counted, evaluated
    ("Sky", "nature--sky", False, True),
    ("Building", "construction--structure--building", False, True),
    ("Car", "object--vehicle--car", True, True),
    ("Person", "human--person--individual", True, True),
    ("Unlabeled", "void--unlabeled", False, False),
)
OF_BALLS = {3: "Car", 4: "Person", 5: "Car"}  # by their ids in a still
GROUP = 5  # the ball that is a group


class Shown(NamedTuple):
    """An image by its key."""

    key: str
    split: str
    shot: Still


def write(folder: Path, *, seed: int = 0, panoptic: bool = True) -> None:
    """Lay out config_v2.0.json, training/ and validation/. panoptic: whether with these files."""
    folder.mkdir(parents=True, exist_ok=True)
    config = [
        {"readable": r, "name": n, "instances": counted, "evaluate": told, "color": [k, k, k]}
        for k, (r, n, counted, told) in enumerate(LABELS)
    ]
    (folder / "config_v2.0.json").write_text(json.dumps({"labels": config, "version": "2.0"}))
    for split in COUNTS:
        table: dict[str, Any] = {"images": [], "annotations": []}
        table["categories"] = [
            {"id": k, "name": r, "supercategory": n, "isthing": int(counted)}
            for k, (r, n, counted, told) in enumerate(LABELS, 1)
            if told
        ]
        top = folder / split / "v2.0"
        for each in [each for each in truth(seed=seed) if each.split == split]:
            balls.put(folder / split / f"images/{each.key}.jpg", each.shot)
            codes = instances(each.shot)
            _png(top / f"instances/{each.key}.png", codes)
            path = top / f"labels/{each.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            indexed = Image.fromarray((codes >> 8).astype(np.uint8))
            indexed.putpalette([level for k in range(256) for level in (k, k, 255 - k)])
            indexed.save(path)
            if panoptic:
                _panoptic(top / "panoptic", each, codes, table)
        if panoptic:
            (top / "panoptic/panoptic_2020.json").write_text(json.dumps(table))


def truth(*, seed: int = 0) -> Iterator[Shown]:
    """The images of training, then of validation, by key."""
    for split, count in COUNTS.items():
        for number in range(count):
            shot = balls.shot(seed, "mapillary_vistas", split, number)
            yield Shown(f"{'-_'[number % 2]}k{number}{split[:3]}ZQ", split, shot)


def instances(shot: Still) -> NDArray[np.uint16]:
    """uint16[H, W]: 256 x label + number, from 0 in each label."""
    places = {label[0]: place for place, label in enumerate(LABELS)}
    codes = np.full(shot.ids.shape, places["Sky"] * 256, np.uint16)
    codes[shot.ids == WALL] = places["Building"] * 256
    codes[shot.ids == FLOOR] = places["Unlabeled"] * 256
    numbers = dict.fromkeys(OF_BALLS.values(), 0)
    for ball, name in OF_BALLS.items():
        codes[shot.ids == ball] = places[name] * 256 + numbers[name]
        numbers[name] += 1
    return codes


def _panoptic(folder: Path, each: Shown, codes: NDArray[np.uint16], table: dict[str, Any]) -> None:
    """Write a panoptic map, and add its image and annotation to the JSON."""
    coded, segments = np.zeros((*codes.shape, 3), np.uint8), []
    for number, code in enumerate(np.unique(codes).tolist(), 1):
        if not LABELS[code >> 8][3]:
            continue
        mask = codes == code
        coded[mask] = (number, 7, 0)
        crowd = bool((each.shot.ids[mask] == GROUP).all())
        about = {"id": number + 7 * 256, "category_id": (code >> 8) + 1, "iscrowd": int(crowd)}
        segments.append(about | {"area": int(mask.sum())})
    name = f"{each.key}.png"
    _png(folder / name, coded)
    image = {"id": each.key, "file_name": f"{each.key}.jpg"}
    table["images"].append(image | {"width": balls.WIDTH, "height": balls.HEIGHT})
    note = {"image_id": each.key, "file_name": name, "segments_info": segments}
    table["annotations"].append(note)


def _png(path: Path, pixels: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", stored)[1].tobytes())
