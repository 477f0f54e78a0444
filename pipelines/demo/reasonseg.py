"""A miniature ReasonSeg: balls before a wall, and questions whose answer is one of them.

Shapes are the outlines of what is seen, with corners that are no whole numbers. In one image a ball
is drawn twice, by a larger outline below that is to be ignored; one has a shape named flag; one
file is cp1252. In the last image of test nothing is marked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 96, 72
BALLS = {3: "red", 4: "blue", 5: "yellow"}
COUNTS = {"train": 4, "val": 4, "test": 4}


class Asked(NamedTuple):
    """An image with its questions, and the id of the ball that they mean, 0 for none."""

    split: str
    name: str
    shot: Still
    texts: tuple[str, ...]
    meant: int


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out train/, val/ and test/ in ReasonSeg/."""
    for each in truth(seed=seed):
        place = folder / "ReasonSeg" / each.split
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{each.name}.jpg").write_bytes(encode_jpeg(each.shot.rgb))
        value = {"text": list(each.texts), "is_sentence": True, "shapes": shapes(each)}
        text = json.dumps(value, ensure_ascii=False)
        encoding = "cp1252" if each.name.endswith("2") else "utf-8"
        (place / f"{each.name}.json").write_bytes(text.encode(encoding))


def truth(*, seed: int = 0) -> Iterator[Asked]:
    """The images by split and name."""
    for split, count in COUNTS.items():
        for number in range(count):
            stream = Stream(seed, "reasonseg", split, number)
            shot = still(stream, WIDTH, HEIGHT)
            meant = max(BALLS, key=lambda ball: int((shot.ids == ball).sum()))
            texts: tuple[str, ...] = (
                f"Which is the bull\u2019s, if {BALLS[meant]} is the one colour that it sees?",
                f"the ball of the colour {BALLS[meant]}",
            )
            if (split, number) == ("test", count - 1):
                meant, texts = 0, ("the ball that rolled away",)
            name = f"{10 + number}_{split}_{number}"
            yield Asked(split, name, shot, texts[: 2 if split == "train" else 1], meant)


def shapes(each: Asked) -> list[dict[str, Any]]:
    """The shapes of an image, in no order."""
    if not each.meant:
        return []
    found = [{"label": "target", "points": outline(each.shot, each.meant, 0.25)}]
    if each.name.endswith("1"):
        found.append({"label": "Ignore_region", "points": outline(each.shot, each.meant, 0.25, 5)})
    if each.name.endswith("3"):
        found.append({"label": "flag", "points": [[0, 0], [90.5, 0], [90, 60]]})
    return found


def outline(shot: Still, ball: int, off: float, wider: int = 0) -> list[list[float]]:
    """The corners of a ball's outline, `off` from whole numbers; wider: pixels further out."""
    mask = (shot.ids == ball).astype(np.uint8)
    if wider:
        mask = np.asarray(cv2.dilate(mask, np.ones((2 * wider + 1,) * 2, np.uint8)), np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    largest = max(found, key=cv2.contourArea)[:, 0].tolist()
    return [[x + off, y + off] for x, y in largest]
