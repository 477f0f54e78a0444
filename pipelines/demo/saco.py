"""A miniature SA-Co/Gold: balls before a wall, asked for by phrases, marked by three annotators.

The first marks what is seen, to the pixel. The second is a pixel more generous, so that masks
overlap, and sees no difference between two balls that touch: they are a group. The third finds one
ball fewer where there are three, and says then that not all instances are marked. Nobody finds a
cat. Subsets: metaclip and sa1b, in two folders of pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 112, 84
SUBSETS = {"metaclip": (10_000_000, "metaclip-images"), "sa1b": (20_000_000, "sa1b-images")}
PICTURES = 3
COLOURS = {3: "red", 4: "blue", 5: "yellow"}
PHRASES: dict[str, tuple[int, ...]] = {  # phrase -> the ids of the balls that it means
    "the red ball": (3,),
    "ball": (3, 4, 5),
    "a cat": (),
}
SEEN = 30  # pixels of a ball that anybody marks

Mask = NDArray[np.uint8]


class Marked(NamedTuple):
    """A pair, and what each annotator marked: (mask, crowd) and whether that is all."""

    number: int
    name: str
    phrase: str
    shot: Still
    masks: dict[str, list[tuple[Mask, bool]]]
    whole: dict[str, bool]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out gt-annotations/ and the folders of pictures."""
    (folder / "gt-annotations").mkdir(parents=True)
    for subset, (_, pictures) in SUBSETS.items():
        marked = list(truth(subset, seed=seed))
        for each in marked:
            picture = folder / pictures / each.name
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(encode_jpeg(each.shot.rgb))
        for annotator in "abc":
            name = f"gold_{subset}_merged_{annotator}_release_test.json"
            text = json.dumps(_file(marked, annotator))
            (folder / "gt-annotations" / name).write_text(text, encoding="ascii")


def truth(subset: str, *, seed: int = 0) -> Iterator[Marked]:
    """The pairs of a subset by number."""
    number = SUBSETS[subset][0]
    for place in range(PICTURES):
        shot = still(Stream(seed, "saco", subset, place), WIDTH, HEIGHT)
        stem = f"sa_{1000 + place}.jpg"
        if subset == "metaclip":
            stem = f"1/100{place}/metaclip_1_100{place}_c12286892{place}.jpeg"
        for phrase, meant in PHRASES.items():
            seen = [m for m in ((shot.ids == ball) for ball in meant) if m.sum() >= SEEN]
            exact = [mask.astype(np.uint8) for mask in seen]
            wider = [np.asarray(cv2.dilate(m, np.ones((3, 3), np.uint8)), np.uint8) for m in exact]
            fewer = exact[1:] if len(exact) > 2 else exact
            yield Marked(
                number,
                stem,
                phrase,
                shot,
                {
                    "a": [(m, False) for m in exact],
                    "b": _joined(wider),
                    "c": [(m, False) for m in fewer],
                },
                {
                    "a": True,
                    "b": not any(c for _, c in _joined(wider)),
                    "c": len(fewer) == len(exact),
                },
            )
            number += 1


def _joined(masks: list[Mask]) -> list[tuple[Mask, bool]]:
    """Masks, the first two that touch as a group."""
    for j, other in enumerate(masks):
        for k, mask in enumerate(masks[:j]):
            if (mask & other).any():
                rest = [(m, False) for n, m in enumerate(masks) if n not in (j, k)]
                return [(mask | other, True), *rest]
    return [(mask, False) for mask in masks]


def _file(marked: list[Marked], annotator: str) -> dict[str, Any]:
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for each in marked:
        whole = each.whole[annotator]
        images.append(
            {
                "id": each.number,
                "file_name": each.name,
                "text_input": each.phrase,
                "width": WIDTH,
                "height": HEIGHT,
                "queried_category": str(each.number % 10),
                "is_instance_exhaustive": int(whole),
                "is_pixel_exhaustive": int(whole or annotator == "b"),
            }
        )
        for mask, crowd in each.masks[annotator]:
            stored = rle.encode(np.asfortranarray(mask))
            x, y, w, h = rle.toBbox(stored).tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": each.number,
                    "source": "manual",
                    "area": int(mask.sum()) / mask.size,
                    "bbox": [x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT],
                    "segmentation": {"counts": stored["counts"].decode(), "size": [HEIGHT, WIDTH]},
                    "category_id": 1,
                    "iscrowd": int(crowd),
                }
            )
    categories = [{"id": 1, "name": "object"}]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}
