"""A miniature RefCOCO over the training pictures of the miniature COCO: same scenes, same ids.

The expressions are true and say one object only, by colour, place or size in the picture; every
thing in view counts, a heap's balls too. refs(unc).p is a pickle of protocol 2 with all official
keys. Of eight pictures one each is for val, testA and testB, the rest for train.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vbdata.core.rng import Stream

from . import coco
from .outlines import Mask, box
from .scene import Truth

SPLITS = ("train", "train", "val", "train", "testA", "train", "testB", "train")
IMAGES = "images/mscoco/images/train2014"
SEEN = 60  # pixels of an object that somebody would talk about
APART = 0.05  # of the width: how much further left the leftmost is
BIGGER = 1.6  # times the area, and the square root of it in height
MANY_COLOURED = ("potted plant", "traffic light")  # leaves and lamps have colours of their own
MOST = 3  # sentences for an object


class Seen(NamedTuple):
    """A thing in a picture. number: its annotation's place among those of the image."""

    number: int
    name: str
    colour: str
    crowd: bool
    mask: Mask


def write(folder: Path, *, seed: int = 0, frames: int = 16) -> None:
    """Lay out refcoco/ and images/mscoco/images/train2014/."""
    table, refs = coco._table("instances"), list[dict[str, Any]]()
    for number, shot in enumerate(truth(seed=seed, frames=frames)):
        stream = Stream(seed, "refcoco", number)
        grey = number == coco.GREY
        coco._write_image(folder, shot, grey=grey)
        table["images"].append(_image(shot, stream))
        annotations = coco._instances(shot)
        table["annotations"].extend(annotations)
        all_ = things(shot)
        for one in all_:
            texts = stream.shuffled(expressions(one, all_, grey=grey))[:MOST]
            if texts:
                refs.append(_ref(annotations[one.number], texts, shot, refs))
    (folder / "refcoco").mkdir(parents=True, exist_ok=True)
    (folder / "refcoco" / "instances.json").write_text(json.dumps(table), encoding="ascii")
    (folder / "refcoco" / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))


def truth(*, seed: int = 0, frames: int = 16) -> Iterator[Truth]:
    """The training pictures of the miniature COCO, in order; split: that of their refs."""
    shots = islice(coco.truth(seed=seed, frames=frames), frames)
    for number, shot in enumerate(shots):
        image = f"{IMAGES}/COCO_train2014_{int(shot.id):012d}.jpg"
        yield replace(shot, image=image, split=SPLITS[number % len(SPLITS)])


def things(shot: Truth) -> list[Seen]:
    """Every thing in view, in the order of the annotations."""
    seen: list[Seen] = []
    for k, surface in enumerate(shot.scene.surfaces, 1):
        mask = shot.frame.ids == k
        if surface.thing and mask.any():
            name, colour = surface.name, surface.colour
            seen.append(Seen(len(seen), name, colour, surface.crowd, mask))
    return seen


def expressions(one: Seen, all_: list[Seen], *, grey: bool = False) -> list[str]:
    """Everything that we can say of one thing and of no other; nothing of a heap or a speck."""
    if one.crowd or int(one.mask.sum()) < SEEN:
        return []
    alike = [other for other in all_ if other.name == one.name and other.number != one.number]
    texts = [f"the {one.name}", f"the only {one.name}"] if not alike else []
    plain = not grey and one.name not in MANY_COLOURED
    if plain and all(other.colour != one.colour for other in alike):
        texts += [f"the {one.colour} {one.name}", f"{one.colour} {one.name}"]
    return texts + _by_side(one, alike) + _by_order(one, alike) + _by_size(one, alike)


def _by_side(one: Seen, alike: list[Seen]) -> list[str]:
    """Wholly in one half of the picture, and nothing alike reaches into that half."""
    for side, half in (("left", _left_half), ("right", _right_half)):
        inside = bool((one.mask <= half(one.mask)).all())
        if inside and not any((other.mask & half(one.mask)).any() for other in alike):
            return [f"{one.name} on the {side}"]
    return []


def _left_half(mask: Mask) -> Mask:
    columns = np.arange(mask.shape[1])
    return np.broadcast_to(2 * columns + 1 < mask.shape[1], mask.shape)


def _right_half(mask: Mask) -> Mask:
    return _left_half(mask)[:, ::-1]


def _by_order(one: Seen, alike: list[Seen]) -> list[str]:
    """The outermost of its kind, its outer edge and its middle both by a clear margin."""
    if not alike or any(other.crowd for other in alike):
        return []
    gap = APART * one.mask.shape[1]
    left, middle, right = _columns(one.mask)
    places = [_columns(other.mask) for other in alike]
    texts = []
    if all(left + gap < a and middle + gap < b for a, b, _ in places):
        texts += [f"the leftmost {one.name}", f"{one.name} furthest to the left"]
    if all(right - gap > c and middle - gap > b for _, b, c in places):
        texts += [f"the rightmost {one.name}", f"{one.name} furthest to the right"]
    return texts


def _columns(mask: Mask) -> tuple[float, float, float]:
    """The first, the mean and the last column of a mask."""
    columns = np.flatnonzero(mask.any(0))
    return float(columns[0]), float(np.nonzero(mask)[1].mean()), float(columns[-1])


def _by_size(one: Seen, alike: list[Seen]) -> list[str]:
    """Clearly the largest or the smallest of its kind in the picture, in area and in height."""
    if not alike or any(other.crowd for other in alike):
        return []
    area, high = int(one.mask.sum()), box(one.mask)[3]
    sizes = [(int(other.mask.sum()), box(other.mask)[3]) for other in alike]
    rise = BIGGER**0.5
    if all(area > BIGGER * a and high > rise * h for a, h in sizes):
        return [f"the {'larger' if len(alike) == 1 else 'largest'} {one.name}"]
    if all(a > BIGGER * area and h > rise * high for a, h in sizes):
        return [f"the {'smaller' if len(alike) == 1 else 'smallest'} {one.name}"]
    return []


def _image(shot: Truth, stream: Stream) -> dict[str, Any]:
    name = Path(shot.image).name
    record = coco._image(replace(shot, image=f"train2014/{name}"), stream)
    return record | {"coco_url": f"http://demo.invalid/images/{int(shot.id)}"}


def _ref(
    annotation: dict[str, Any], texts: list[str], shot: Truth, earlier: list[dict[str, Any]]
) -> dict[str, Any]:
    """An official record; its file name, like the official ones, is that of no file."""
    number = len(earlier)
    first = earlier[-1]["sent_ids"][-1] + 1 if earlier else 0
    sentences = [
        {
            "tokens": text.split(),
            "raw": text[0].upper() + text[1:] + ".",
            "sent_id": first + k,
            "sent": text,
        }
        for k, text in enumerate(texts)
    ]
    return {
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "file_name": f"COCO_train2014_{int(shot.id):012d}_{number}.jpg",
        "ann_id": annotation["id"],
        "ref_id": number,
        "image_id": int(shot.id),
        "split": shot.split,
        "sentences": sentences,
        "category_id": annotation["category_id"],
    }
