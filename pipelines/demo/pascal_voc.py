"""A miniature PASCAL VOC 2012: balls as three of its classes, with a border around each.

The border is void, a pixel wide, inside the object. Of one object of an image no number is given.
In train_aug there is an image with a map of SBD alone.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import marked_balls as balls
from .balls import Still

CLASSES = {"red": 5, "blue": 15, "yellow": 20}  # bottle, person, tv monitor
BORDER = 255
SPLITS = {"train": 4, "val": 1, "aug": 1}

Map = NDArray[np.uint8]


class Marked(NamedTuple):
    """An image. untold: the colour of the object without a number, "" for none."""

    name: str
    split: str
    shot: Still
    untold: str


def write(folder: Path, *, seed: int = 0, sbd: bool = False) -> None:
    """Lay out VOCdevkit/VOC2012/, or benchmark_RELEASE/dataset/."""
    if sbd:
        _write_sbd(folder / "benchmark_RELEASE/dataset", seed)
        return
    top = folder / "VOCdevkit/VOC2012"
    listed: dict[str, list[str]] = {split: [] for split in SPLITS}
    for each in truth(seed=seed):
        listed[each.split].append(each.name)
        balls.put(top / f"JPEGImages/{each.name}.jpg", each.shot)
        kinds, objects = maps(each)
        if each.split == "aug":
            _put(top / f"SegmentationClassAug/{each.name}.png", kinds, grey=True)
        else:
            _put(top / f"SegmentationClass/{each.name}.png", kinds)
            _put(top / f"SegmentationObject/{each.name}.png", objects)
    listed |= {"trainval": listed["train"] + listed["val"]}
    listed |= {"train_aug": listed["train"] + listed.pop("aug")}
    for split, names in listed.items():
        path = top / f"ImageSets/Segmentation/{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in names))


def truth(*, seed: int = 0) -> Iterator[Marked]:
    """The images by name."""
    number = 0
    for split, count in SPLITS.items():
        for _ in range(count):
            number += 1
            shot = balls.shot(seed, "pascal_voc", number)
            yield Marked(f"2007_{number:06d}", split, shot, "blue" if number == 2 else "")


def maps(each: Marked) -> tuple[Map, Map]:
    """uint8[H, W] of classes and of objects. SBD's classes have no border."""
    kinds, objects = (np.zeros(each.shot.ids.shape, np.uint8) for _ in range(2))
    for number, (colour, mask) in enumerate(balls.seen(each.shot).items(), 1):
        inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        inner = mask if each.split == "aug" else inner
        kinds[mask], kinds[inner] = BORDER, CLASSES[colour]
        objects[mask], objects[inner] = BORDER, 0 if colour == each.untold else number
    return kinds, objects


def _write_sbd(top: Path, seed: int) -> None:
    listed: dict[str, list[str]] = {"train": [], "val": []}
    for each in truth(seed=seed):
        listed["val" if each.split == "val" else "train"].append(each.name)
        kinds, objects = maps(each._replace(split="aug"))
        balls.put(top / f"img/{each.name}.jpg", each.shot)
        for folder, name, map_ in (("cls", "GTcls", kinds), ("inst", "GTinst", objects)):
            path = top / f"{folder}/{each.name}.mat"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(mat(name, map_))
    for split, names in listed.items():
        (top / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def mat(name: str, map_: Map) -> bytes:
    """A MAT-file of version 5, packed, with a struct of one field, Segmentation: uint8[H, W]."""
    field, values = "Segmentation", map_.tobytes(order="F")
    shape = struct.pack("<2i", *map_.shape)
    array = _element(6, struct.pack("<2I", 9, 0)) + _element(5, shape) + _element(1, b"")
    array += _element(2, values)
    body = _element(6, struct.pack("<2I", 2, 0)) + _element(5, struct.pack("<2i", 1, 1))
    body += _element(1, name.encode()) + struct.pack("<2HI", 5, 4, len(field) + 1)
    body += _element(1, field.encode() + b"\0") + _element(14, array)
    packed = zlib.compress(_element(14, body))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    return head + struct.pack("<2I", 15, len(packed)) + packed


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<2I", kind, len(data)) + data + bytes(-len(data) % 8)


def _put(path: Path, indices: Map, *, grey: bool = False) -> None:
    """Write a PNG with VOC's palette, or a grey one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(indices)
    if not grey:
        picture.putpalette([level for index in range(256) for level in _colour(index)])
    held = io.BytesIO()
    picture.save(held, "png")
    path.write_bytes(held.getvalue())


def _colour(index: int) -> tuple[int, int, int]:
    """The colour of an index in VOC's palette: its bits, spread over red, green and blue."""
    levels = [0, 0, 0]
    for place in range(8):
        levels[place % 3] |= (index >> place & 1) << (7 - place // 3)
    return levels[0], levels[1], levels[2]
