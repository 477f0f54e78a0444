"""A miniature PhraseCut: balls by phrase, alone and together, with corners between whole numbers.

Some pictures are COCO's. Ids of phrases sort otherwise than they stand in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import marked_balls as balls
from .balls import Still
from .outlines import polygons

COUNTS = {"train": 3, "val": 1, "test": 1, "miniv": 1}  # images
PHRASES = {  # phrase -> the colours of the balls that it means
    "red  ball": ("red",),
    "balls by the wall": ("blue", "yellow"),
    "ball": ("red", "blue", "yellow"),
}


class Phrased(NamedTuple):
    """A phrase of an image. coco: the picture's id in COCO, None for none."""

    task: str
    split: str
    image: int
    coco: int | None
    shot: Still
    phrase: str


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out refer_*.json, image_data_split.json and images/."""
    folder.mkdir(parents=True, exist_ok=True)
    listed: dict[str, list[dict[str, Any]]] = {split: [] for split in COUNTS}
    images: dict[int, dict[str, Any]] = {}
    for each in truth(seed=seed):
        balls.put(folder / f"images/{each.image}.jpg", each.shot)
        images[each.image] = {
            "image_id": each.image,
            "width": balls.WIDTH,
            "height": balls.HEIGHT,
            "coco_id": each.coco,
            "flickr_id": None,
            "split": each.split,
            "url": f"http://demo.invalid/{each.image}.jpg",
        }
        listed[each.split].append(
            {
                "task_id": each.task,
                "image_id": each.image,
                "phrase": each.phrase,
                "phrase_structure": {"name": "ball", "attributes": [], "type": "name"},
                "Polygons": outlines(each),
            }
        )
    (folder / "image_data_split.json").write_text(json.dumps(list(images.values())))
    for split, tasks in listed.items():
        (folder / f"refer_{split}.json").write_text(json.dumps(tasks[::-1]))


def truth(*, seed: int = 0) -> Iterator[Phrased]:
    """The phrases in order of splits, images and phrases."""
    number = 0
    for split, count in COUNTS.items():
        for _ in range(count):
            number += 1
            shot = balls.shot(seed, "phrasecut", number)
            coco = 5000 + number if number % 2 else None
            for place, phrase in enumerate(PHRASES):
                task = f"{2000 + number}__{9 - place}"
                yield Phrased(task, split, 2000 + number, coco, shot, phrase)


def outlines(each: Phrased) -> list[list[list[list[float]]]]:
    """Of each instance its polygons, of each its corners, a little off whole numbers."""
    masks = balls.seen(each.shot)
    return [
        [
            [[x + 0.4, y + 0.7] for x, y in zip(corners[::2], corners[1::2], strict=True)]
            for corners in polygons(masks[colour])
        ]
        for colour in PHRASES[each.phrase]
    ]
