"""Photographs with captions in tars as img2dataset writes them, of sizes and bytes like COCO's."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks import pictures

SEED = 20240917
TARS = 4
SIZES = ((640, 480), (640, 427), (480, 640), (640, 427), (500, 375), (640, 480), (427, 640))
NOISE = 27.0  # which makes JPEGs of quality 90 as long as COCO's are
WORDS = (
    "a",
    "man",
    "dog",
    "cat",
    "bus",
    "street",
    "table",
    "of",
    "with",
    "on",
    "near",
    "red",
    "old",
)


def write_tar(folder: Path, number: int, share: list[int]) -> int:
    """A tar as img2dataset writes it: KEY.jpg, KEY.json, KEY.txt. Returns bytes of its pictures."""
    total = 0
    with tarfile.open(folder / f"{number:05d}.tar", "w") as tar:
        for place, sample in enumerate(share):
            rng, key = np.random.default_rng((SEED, sample)), f"{number:05d}{place:04d}"
            data, caption = photograph(rng), " ".join(rng.choice(WORDS, 10))
            height, width, _ = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), 1)).shape
            facts = {
                "caption": caption,
                "url": f"http://images.cocodataset.org/train2017/{sample:012d}.jpg",
                "key": key,
                "status": "success",
                "error_message": None,
                "width": width,
                "height": height,
                "original_width": width,
                "original_height": height,
                "exif": "{}",
                "sha256": f"{sample:064x}",
            }
            total += len(data)
            for kind, content in (
                ("jpg", data),
                ("json", json.dumps(facts, indent=4).encode()),
                ("txt", caption.encode()),
            ):
                member = tarfile.TarInfo(f"{key}.{kind}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return total


def photograph(rng: np.random.Generator) -> bytes:
    """A JPEG with the size and about the bytes of one of COCO's."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    picture = cv2.resize(pictures.photograph(rng), (width, height))
    noise = rng.normal(0, NOISE * rng.uniform(0.2, 1.8), picture.shape)
    whole = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
