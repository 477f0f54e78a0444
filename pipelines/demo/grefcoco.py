"""A miniature gRefCOCO: balls by colour, several at once, and balls that are not there.

Of eight pictures one each is for val, testA and testB. Some refs have no sentence; file names are
those of no file, as in the official data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import marked_balls as balls
from .balls import Still

SPLITS = ("train", "train", "train", "val", "train", "testA", "testB", "train")
CLASSES = ("ball", "wall clock")
EXPRESSIONS = {  # text -> the colours of the balls that are meant
    "the red ball": ("red",),
    "blue ball": ("blue",),
    "the red and the yellow ball": ("red", "yellow"),
    "all the balls": ("red", "blue", "yellow"),
    "the green ball": (),
    "the cat on the ball": (),
}


class Asked(NamedTuple):
    """An image: its id, the split of its refs, what is seen."""

    number: int
    split: str
    shot: Still


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out grefcoco/ and images/train2014/."""
    refs: list[dict[str, Any]] = []
    table: dict[str, Any] = {"images": [], "annotations": [], "licenses": [balls.LICENSE]}
    table["categories"] = balls.categories(CLASSES)
    for each in truth(seed=seed):
        name = f"COCO_train2014_{each.number:012d}.jpg"
        balls.put(folder / "images/train2014" / name, each.shot)
        table["images"].append(balls.image(each.number, file_name=name))
        ids: dict[str, int] = {}
        for colour, mask in balls.seen(each.shot).items():
            ids[colour] = 10 * each.number + len(ids)
            note = balls.annotation(ids[colour], each.number, 1, mask)
            table["annotations"].append(note | {"iscrowd": 0})
        for text, colours in EXPRESSIONS.items():
            refs.append(_ref(len(refs), each, text, [ids[colour] for colour in colours]))
        refs.append(_ref(len(refs), each, "", [*ids.values()]))
    (folder / "grefcoco").mkdir(parents=True, exist_ok=True)
    (folder / "grefcoco/instances.json").write_text(json.dumps(table))
    (folder / "grefcoco/grefs(unc).json").write_text(json.dumps(refs))


def truth(*, seed: int = 0) -> Iterator[Asked]:
    """The images by number."""
    for place, split in enumerate(SPLITS):
        yield Asked(200 + place, split, balls.shot(seed, "grefcoco", place))


def _ref(number: int, each: Asked, text: str, meant: list[int]) -> dict[str, Any]:
    """An official record. text: "" for one without a sentence."""
    sentence = {"raw": text.capitalize(), "sent": text, "sent_id": number, "tokens": text.split()}
    return {
        "ref_id": 200_000 + number,
        "image_id": each.number,
        "split": each.split,
        "ann_id": meant or [-1],
        "category_id": [1] * len(meant) or [-1],
        "no_target": not meant,
        "sentences": [sentence] if text else [],
        "sent_ids": [number] if text else [],
        "file_name": f"COCO_train2014_{each.number:012d}_{number}.jpg",
    }
