"""A miniature LVIS: balls of three classes, a part that lies on one of them, and absent classes.

Where a number is odd, not all yellow balls are marked; the upper half of the blue ball is marked as
a class of its own, over the ball. Pictures of val are in both of COCO's folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import marked_balls as balls
from .balls import Still

NAMES = {"red": "red_ball", "blue": "blue_ball_(toy)", "yellow": "yellow_ball"}
PART = "sticker"
CLASSES = (*NAMES.values(), PART, "aerosol_can", "cat")
ABSENT = {0: ("cat",), 1: ("aerosol_can", "cat")}  # by the parity of the number
COUNTS = {"train": 5, "val": 2}


class Marked(NamedTuple):
    """An image: its file, what is marked by class, in what order, and what was looked for."""

    number: int
    split: str
    file: str
    shot: Still
    masks: tuple[tuple[str, balls.Mask], ...]
    partly: tuple[str, ...]
    absent: tuple[str, ...]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out lvis_v1_{train,val}.json, train2017/ and val2017/."""
    ids = {name: number for number, name in enumerate(CLASSES, 1)}
    for split in COUNTS:
        table: dict[str, Any] = {"images": [], "annotations": [], "licenses": [balls.LICENSE]}
        kinds = balls.categories(CLASSES)
        table["categories"] = [kind | {"synonyms": [kind["name"]]} for kind in kinds]
        for each in truth(seed=seed):
            if each.split != split:
                continue
            balls.put(folder / each.file, each.shot)
            more = {
                "coco_url": f"http://images.cocodataset.org/{each.file}",
                "neg_category_ids": [ids[name] for name in each.absent],
                "not_exhaustive_category_ids": [ids[name] for name in each.partly],
            }
            table["images"].append(balls.image(each.number, **more))
            for name, mask in each.masks:
                number = 1 + len(table["annotations"])
                noted = balls.annotation(number, each.number, ids[name], mask)
                table["annotations"].append(noted)
        (folder / f"lvis_v1_{split}.json").write_text(json.dumps(table))


def truth(*, seed: int = 0) -> Iterator[Marked]:
    """The images of train, then of val, by number."""
    first = 100
    for split, count in COUNTS.items():
        for number in range(first, first + count):
            shot, odd = balls.shot(seed, "lvis", number), number % 2
            masks = [(NAMES[colour], mask) for colour, mask in balls.seen(shot).items()]
            if odd:
                masks.append((PART, balls.upper(dict(masks)[NAMES["blue"]])))
            place = "val2017" if split == "val" and odd else "train2017"
            yield Marked(
                number,
                split,
                f"{place}/{number:012d}.jpg",
                shot,
                tuple(masks),
                (NAMES["yellow"],) * odd,
                ABSENT[odd],
            )
        first += count
