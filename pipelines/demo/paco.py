"""A miniature PACO-LVIS: balls as mugs and lamps, their upper halves as parts, absent classes.

Masks are run lengths, those of parts lie in those of their objects.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import marked_balls as balls
from .balls import Still

KINDS = {"red": "mug", "blue": "car_(automobile)", "yellow": "mug"}  # of the balls
PARTS = {"mug": "mug:handle", "car_(automobile)": "car_(automobile):door_handle"}
OTHERS = ("dog", "dog:ear")
CATEGORIES = ("car_(automobile)", "dog", "mug", *PARTS.values(), "dog:ear")
COUNTS = {"train": 4, "val": 1, "test": 1}


class Marked(NamedTuple):
    """An image. file: below the root."""

    number: int
    split: str
    file: str
    shot: Still


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out paco_lvis_v1_{train,val,test}.json, train2017/ and val2017/."""
    ids = {name: number for number, name in enumerate(CATEGORIES, 1)}
    for split in COUNTS:
        table: dict[str, Any] = {"images": [], "annotations": [], "licenses": [balls.LICENSE]}
        table["categories"] = [
            kind | {"supercategory": "PART" if ":" in kind["name"] else "OBJECT"}
            for kind in balls.categories(CATEGORIES)
        ]
        for each in [each for each in truth(seed=seed) if each.split == split]:
            balls.put(folder / each.file, each.shot)
            more = {
                "file_name": each.file,
                "neg_category_ids": [ids[name] for name in OTHERS],
                "not_exhaustive_category_ids": [ids["mug"]] if each.number % 2 else [],
            }
            table["images"].append(balls.image(each.number, **more))
            for name, mask, of in marked(each.shot):
                number = 1 + len(table["annotations"])
                note = balls.annotation(number, each.number, ids[name], mask, rle=True)
                note |= {"obj_ann_id": number - of, "attribute_ids": []}
                table["annotations"].append(note)
        (folder / f"paco_lvis_v1_{split}.json").write_text(json.dumps(table))


def truth(*, seed: int = 0) -> Iterator[Marked]:
    """The images of train, val and test, by number."""
    number = 300
    for split, count in COUNTS.items():
        for _ in range(count):
            number += 1
            place = "val2017" if split == "test" else "train2017"
            file = f"{place}/{number:012d}.jpg"
            yield Marked(number, split, file, balls.shot(seed, "paco", number))


def marked(shot: Still) -> list[tuple[str, balls.Mask, int]]:
    """(category, mask, how many places before it its object stands), each object, then its part."""
    found = []
    for colour, mask in balls.seen(shot).items():
        kind = KINDS[colour]
        found += [(kind, mask, 0), (PARTS[kind], balls.upper(mask), 1)]
    return found
