"""Stills of balls as records of COCO's form, for the miniatures of data sets that build on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still
from .outlines import box, polygons, run_lengths

WIDTH, HEIGHT = 72, 54
BALLS = {3: "red", 4: "blue", 5: "yellow"}  # ids of a still
FEWEST = 24  # pixels of a ball that somebody marks
LICENSE = {"id": 4, "url": "http://creativecommons.org/licenses/by/2.0/", "name": "Attribution"}

Mask = NDArray[np.bool_]
Record = dict[str, Any]


def shot(*key: str | int) -> Still:
    """A still in which all three balls are seen."""
    stream = Stream("marked balls", *key)
    while True:
        found = still(stream, WIDTH, HEIGHT)
        if len(seen(found)) == len(BALLS):
            return found


def seen(found: Still) -> dict[str, Mask]:
    """Colour -> visible pixels, bool[H, W], of the balls that somebody would mark."""
    masks = {name: found.ids == ball for ball, name in BALLS.items()}
    return {name: mask for name, mask in masks.items() if mask.sum() >= FEWEST}


def upper(mask: Mask) -> Mask:
    """The upper half of a mask, by rows: a part of a ball."""
    rows = np.flatnonzero(mask.any(1))
    half = np.zeros_like(mask)
    half[: (rows[0] + rows[-1] + 1) // 2 + 1] = True
    return np.asarray(mask & half)


def image(number: int, **more: Any) -> Record:
    """An image record without a file's name. more: further keys."""
    return {"id": number, "width": WIDTH, "height": HEIGHT, "license": LICENSE["id"], **more}


def annotation(number: int, image_id: int, kind: int, mask: Mask, *, rle: bool = False) -> Record:
    """An annotation by polygons, or by uncompressed run lengths."""
    counts = {"counts": run_lengths(mask), "size": list(mask.shape)}
    return {
        "id": number,
        "image_id": image_id,
        "category_id": kind,
        "segmentation": counts if rle else polygons(mask),
        "area": float(mask.sum()),
        "bbox": [float(v) for v in box(mask)],
    }


def put(path: Path, found: Still) -> None:
    """Write a still as a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jpeg(found.rgb))


def categories(names: Sequence[str], first: int = 1) -> list[Record]:
    """Classes by their ids, from a first one on."""
    return [{"id": number, "name": name} for number, name in enumerate(names, first)]
