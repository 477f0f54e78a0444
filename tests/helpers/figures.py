"""A COCO of stick figures: person_keypoints_train2017.json with its pictures, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipelines.parts.coco.keypoints import NAMES, SKELETON

WIDTH, HEIGHT = 160, 120
STANDING = (  # where the joints of a figure are, as shares of its box
    *((0.5, 0.08), (0.55, 0.04), (0.45, 0.04), (0.6, 0.08), (0.4, 0.08)),
    *((0.7, 0.25), (0.3, 0.25), (0.85, 0.4), (0.15, 0.4), (0.95, 0.55), (0.05, 0.55)),
    *((0.65, 0.55), (0.35, 0.55), (0.7, 0.78), (0.3, 0.78), (0.75, 0.98), (0.25, 0.98)),
)


def figure(number: int, image: int, box: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    """An annotation whose mask is its box x, y, w, h; every third joint is hidden, every fifth
    is not labelled.
    """
    x, y, width, height = box
    joints: list[int] = []
    for place, (across, down) in enumerate(STANDING):
        seen = 0 if place % 5 == 4 else 1 if place % 3 == 2 else 2
        at = (x + round(across * (width - 1)), y + round(down * (height - 1)), seen)
        joints += at if seen else (0, 0, 0)
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    record = {
        **{"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "bbox": list(box)},
        **{"area": width * height, "segmentation": [corners], "keypoints": joints},
        "num_keypoints": sum(v > 0 for v in joints[2::3]),
    }
    return {**record, **more}


def table(**changed: Any) -> dict[str, Any]:
    """The annotation file: an image with two figures, one with a group and one without joints."""
    nothing = {"keypoints": [0] * 51, "num_keypoints": 0}
    crowd = {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, 1200, 18000]}, "iscrowd": 1}
    kind = {"id": 1, "name": "person", "keypoints": list(NAMES)}
    images = [{"id": k, "file_name": f"{k}.jpg", "width": WIDTH, "height": HEIGHT} for k in (1, 2)]
    return {
        "images": images,
        "annotations": [
            figure(11, 1, (10, 8, 60, 108)),
            figure(12, 1, (90, 4, 56, 112)),
            figure(21, 2, (60, 6, 50, 110)),
            figure(22, 2, (120, 20, 30, 60), **nothing),
            figure(23, 2, (0, 0, 10, 120), **nothing, **crowd),
        ],
        "categories": [{**kind, "skeleton": [[a + 1, b + 1] for a, b in SKELETON]}],
    } | changed


def write(folder: Path, **changed: Any) -> Path:
    """Lay out the pictures and the annotations; changed: keys of the file. The folder."""
    made = table(**changed)
    (folder / "annotations").mkdir(parents=True)
    (folder / "train2017").mkdir()
    text = json.dumps(made)
    (folder / "annotations" / "person_keypoints_train2017.json").write_text(text)
    for image in made["images"]:
        rgb = np.full((HEIGHT, WIDTH, 3), (90, 140, 90), np.uint8)
        for each in made["annotations"]:
            if each["image_id"] == image["id"]:
                x, y, width, height = each["bbox"]
                for bone in SKELETON if any(each["keypoints"]) else ():
                    ends = [
                        (x + round(STANDING[k][0] * width), y + round(STANDING[k][1] * height))
                        for k in bone
                    ]
                    cv2.line(rgb, *ends, (230, 200, 170), 3)
        cv2.imwrite(str(folder / "train2017" / image["file_name"]), rgb)
    return folder
