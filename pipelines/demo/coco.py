"""A miniature COCO 2017: images, instances, captions, panoptic and stuff in the official files.

Every area, box, polygon and run length is exact. Some images are small or oddly sized, one is
grey, some have a crowd (a heap of balls), every fifth has a void strip in its panoptic map. Nobody
is in view: person_keypoints has no annotation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from pycocotools import mask as rle

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from . import coco_categories
from .captions import captions
from .caster import develop, shoot
from .outlines import Mask, box, polygons, run_lengths
from .places import room, street
from .scene import Truth

Record = dict[str, Any]

SIZES = ((320, 240), (240, 320), (317, 211), (256, 256), (320, 213), (199, 301), (300, 225))
GREY = 5  # the number of the training image that is stored as a one-component JPEG
VOID = 4  # columns at the right edge of every fifth panoptic map
MERGED = {
    "sky-other": "sky-other-merged",
    "tree": "tree-merged",
    "pavement": "pavement-merged",
    "grass": "grass-merged",
    "building-other": "building-other-merged",
    "floor-tile": "floor-other-merged",
    "floor-marble": "floor-other-merged",
    "carpet": "rug-merged",
    "wall-concrete": "wall-other-merged",
    "wall-other": "wall-other-merged",
    "ceiling-other": "ceiling-merged",
}
LICENSES = (
    ("by-nc-sa/2.0", "Attribution-NonCommercial-ShareAlike License"),
    ("by-nc/2.0", "Attribution-NonCommercial License"),
    ("by-nc-nd/2.0", "Attribution-NonCommercial-NoDerivs License"),
    ("by/2.0", "Attribution License"),
    ("by-sa/2.0", "Attribution-ShareAlike License"),
    ("by-nd/2.0", "Attribution-NoDerivs License"),
)
DESCRIPTIONS = {
    "instances": "COCO 2017 Dataset",
    "captions": "COCO 2017 Dataset",
    "panoptic": "COCO 2018 Panoptic Dataset",
    "stuff": "COCO 2017 Stuff Dataset",
    "person_keypoints": "COCO 2017 Dataset",
}


def write(folder: Path, *, seed: int = 0, frames: int = 24) -> None:
    """Lay out {train,val}2017/ and annotations/; `frames` in train, a third as many in val."""
    tables = {(kind, s): _table(kind) for kind in DESCRIPTIONS for s in ("train2017", "val2017")}
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for number, shot in enumerate(truth(seed=seed, frames=frames)):
        stream = Stream(seed, "coco", "records", number)
        _write_image(folder, shot, grey=number == GREY)
        annotations = {
            "instances": _instances(shot),
            "person_keypoints": [],
            "captions": _captions(shot, stream),
            "panoptic": _panoptic(folder, shot, stream, void=VOID if number % 5 == 2 else 0),
            "stuff": _stuff(shot),
        }
        image = _image(shot, stream)
        for kind, records in annotations.items():
            tables[kind, shot.split]["images"].append(image)
            tables[kind, shot.split]["annotations"].extend(records)
    for (kind, split), table in tables.items():
        path = folder / "annotations" / f"{kind}_{split}.json"
        path.write_text(json.dumps(table), encoding="ascii")


def truth(*, seed: int = 0, frames: int = 24) -> Iterator[Truth]:
    """The images in the order of the files; `id` is the image id in decimal."""
    for number in range(frames + _of_val(frames)):
        stream = Stream(seed, "coco", number)
        split = "train2017" if number < frames else "val2017"
        image_id = 1009 * number + stream.integer(1009) + 1
        width, height = SIZES[number % len(SIZES)]
        make = street if number % 3 == 2 else room
        scene, camera = make(stream, width, height, number % 8 == 3)
        yield Truth(
            image=f"{split}/{image_id:012d}.jpg",
            id=str(image_id),
            split=split,
            scene=scene,
            camera=camera,
            frame=shoot(scene, camera),
        )


def stuff_names(shot: Truth) -> NDArray[np.str_]:
    """COCO-Stuff's name of every pixel, str[H, W]; things are "other"."""
    return np.array(_stuff_of_ids(shot))[shot.frame.ids]


def _stuff_of_ids(shot: Truth) -> list[str]:
    return ["sky-other", *("other" if s.thing else s.name for s in shot.scene.surfaces)]


def _stuff_masks(shot: Truth) -> dict[str, Mask]:
    """Where each kind of stuff in view is, by its name, in alphabetical order."""
    names = _stuff_of_ids(shot)
    seen = np.flatnonzero(np.bincount(shot.frame.ids.ravel(), minlength=len(names)))
    return {
        name: np.array([name == other for other in names])[shot.frame.ids]
        for name in sorted({names[number] for number in seen})
    }


def _of_val(frames: int) -> int:
    return max(1, frames // 3)


def _table(kind: str) -> Record:
    """The top level of an annotation file, without its records."""
    info = {
        "description": DESCRIPTIONS[kind],
        "url": "http://cocodataset.org",
        "version": "1.0",
        "year": 2017,
        "contributor": "drawn by pipelines/demo/coco.py",
        "date_created": "2017/09/01",
    }
    root = "http://creativecommons.org/licenses"
    licenses = [
        {"url": f"{root}/{path}/", "id": k, "name": name}
        for k, (path, name) in enumerate(LICENSES, 1)
    ]
    table: Record = {"info": info, "licenses": licenses, "images": [], "annotations": []}
    categories = {
        "instances": coco_categories.instances,
        "stuff": coco_categories.stuff,
        "panoptic": coco_categories.panoptic,
        "person_keypoints": coco_categories.persons,
    }
    return table | ({"categories": categories[kind]()} if kind in categories else {})


def _image(shot: Truth, stream: Stream) -> Record:
    name = shot.image.split("/")[1]
    return {
        "license": 1 + stream.integer(len(LICENSES)),
        "file_name": name,
        "coco_url": f"http://demo.invalid/{shot.image}",
        "height": shot.camera.height,
        "width": shot.camera.width,
        "date_captured": f"2013-11-{1 + stream.integer(28):02d} 12:{stream.integer(60):02d}:00",
        "flickr_url": f"http://demo.invalid/z/{name}",
        "id": int(shot.id),
    }


def _write_image(folder: Path, shot: Truth, *, grey: bool) -> None:
    path = folder / shot.image
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = develop(shot.frame.rgb, np.ones(shot.frame.ids.shape, bool))
    if not grey:
        path.write_bytes(encode_jpeg(rgb))
        return
    red, green, blue = np.moveaxis(rgb.astype(np.int64), -1, 0)
    luma = ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint8)[..., None]
    path.write_bytes(simplejpeg.encode_jpeg(luma, 95, colorspace="GRAY", colorsubsampling="Gray"))


def _things(shot: Truth) -> Iterator[tuple[int, Mask, bool]]:
    """(category id, visible mask, crowd) of every thing in view."""
    ids = {category["name"]: category["id"] for category in coco_categories.instances()}
    for k, surface in enumerate(shot.scene.surfaces, 1):
        mask = shot.frame.ids == k
        if surface.thing and mask.any():
            yield ids[surface.name], mask, surface.crowd


def _instances(shot: Truth) -> list[Record]:
    records = []
    for k, (category, mask, crowd) in enumerate(_things(shot)):
        size, where = int(mask.sum()), box(mask)
        counts = {"counts": run_lengths(mask), "size": list(mask.shape)}
        record = {
            "segmentation": counts if crowd else polygons(mask),
            "area": size if crowd else float(size),
            "iscrowd": int(crowd),
            "image_id": int(shot.id),
            "bbox": list(where) if crowd else [float(v) for v in where],
            "category_id": category,
            "id": 900100000000 + int(shot.id) if crowd else 100 * int(shot.id) + k,
        }
        records.append(record)
    return records


def _stuff(shot: Truth) -> list[Record]:
    """One compressed RLE a kind of stuff; all things together are "other"."""
    masks, records = _stuff_masks(shot), list[Record]()
    for category in coco_categories.stuff():
        if category["name"] not in masks:
            continue
        mask = masks[category["name"]]
        counts = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
        record = {
            "segmentation": {"counts": counts["counts"].decode("ascii"), "size": list(mask.shape)},
            "area": float(mask.sum()),
            "iscrowd": 0,
            "image_id": int(shot.id),
            "bbox": [float(v) for v in box(mask)],
            "category_id": category["id"],
            "id": 10_000_000 + 100 * int(shot.id) + len(records),
        }
        records.append(record)
    return records


def _panoptic(folder: Path, shot: Truth, stream: Stream, *, void: int) -> list[Record]:
    """Write the map of segment ids and describe its segments; the last `void` columns have none."""
    ids = {category["name"]: category["id"] for category in coco_categories.panoptic()}
    pieces = list(_things(shot))
    pieces += [
        (ids[MERGED.get(name, name)], mask, False)
        for name, mask in _stuff_masks(shot).items()
        if name != "other"
    ]
    shape = shot.frame.ids.shape
    colours, segments = np.zeros((*shape, 3), np.uint8), list[Record]()
    for category, mask, crowd in pieces:
        mask[:, shape[1] - void :] = False
        if not mask.any():
            continue
        colour = [40 + stream.integer(200), stream.integer(256), len(segments) + 1]
        colours[mask] = colour
        segments.append(
            {
                "area": int(mask.sum()),
                "category_id": category,
                "iscrowd": int(crowd),
                "id": colour[0] + 256 * colour[1] + 65536 * colour[2],
                "bbox": list(box(mask)),
            }
        )
    name = f"{int(shot.id):012d}.png"
    path = folder / "annotations" / f"panoptic_{shot.split}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(colours[..., ::-1]))[1].tobytes())
    return [{"segments_info": segments, "file_name": name, "image_id": int(shot.id)}]


def _captions(shot: Truth, stream: Stream) -> list[Record]:
    pixels = np.bincount(shot.frame.ids.ravel(), minlength=len(shot.scene.surfaces) + 1)[1:]
    seen = [s for s, count in zip(shot.scene.surfaces, pixels, strict=True) if count >= 40]
    return [
        {"image_id": int(shot.id), "id": 10 * int(shot.id) + k, "caption": line}
        for k, line in enumerate(captions(stream, seen))
    ]
