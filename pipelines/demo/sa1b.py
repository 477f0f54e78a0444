"""A miniature SA-1B: balls before a wall, each with its mask, one with its upper half besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still

WIDTH, HEIGHT = 64, 48
FOLDERS = {"sa_000000": (1, 2), "sa_000001": (10, 11)}  # numbers of photographs
SEEN = 30  # pixels that a mask has at least


class Frame(NamedTuple):
    """A photograph: its path without a type, and its masks with their scores."""

    stem: str
    shot: Still
    masks: list[tuple[NDArray[np.uint8], float]]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out folders of sa_N.jpg and sa_N.json."""
    for frame in truth(seed=seed):
        path = folder / frame.stem
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".jpg").write_bytes(encode_jpeg(frame.shot.rgb))
        number = int(frame.stem.rpartition("_")[2])
        image = {"image_id": number, "width": WIDTH, "height": HEIGHT}
        notes = [_annotation(place, *mask) for place, mask in enumerate(frame.masks)]
        text = {"image": image | {"file_name": f"sa_{number}.jpg"}, "annotations": notes}
        path.with_suffix(".json").write_text(json.dumps(text), encoding="ascii")


def truth(*, seed: int = 0) -> Iterator[Frame]:
    """The photographs in the order of their paths."""
    for folder, numbers in FOLDERS.items():
        for number in numbers:
            shot = still(Stream(seed, "sa1b", number), WIDTH, HEIGHT)
            seen = [m for m in (shot.ids == ball for ball in (3, 4, 5)) if m.sum() >= SEEN]
            upper = seen[0] & (np.arange(HEIGHT)[:, None] < np.argwhere(seen[0])[:, 0].mean())
            masks = [(mask.astype(np.uint8), 0.97) for mask in seen]
            yield Frame(f"{folder}/sa_{number}", shot, [*masks, (upper.astype(np.uint8), 0.9)])


def _annotation(place: int, mask: NDArray[np.uint8], score: float) -> dict[str, Any]:
    stored = rle.encode(np.asfortranarray(mask))
    return {
        "id": 500 + place,
        "segmentation": {"size": [HEIGHT, WIDTH], "counts": stored["counts"].decode()},
        "bbox": rle.toBbox(stored).tolist(),
        "area": int(mask.sum()),
        "predicted_iou": score,
        "stability_score": 0.98,
        "point_coords": [[WIDTH / 2, HEIGHT / 2]],
        "crop_box": [0.0, 0.0, float(WIDTH), float(HEIGHT)],
    }
