"""COCO 2017 (or 2014): photographs with instance, panoptic or stuff masks, and captions.

Licence: the annotations are CC BY 4.0, each picture has its own, named in its entry. Layout:

    train2017/000000000790.jpg      (2014: train2014/COCO_train2014_000000000790.jpg)
    annotations/{instances,captions,panoptic,stuff}_train2017.json
    annotations/panoptic_train2017/000000000790.png, or panoptic_train2017/ in the root

Which files there are decides what is offered: captions alone do, and so do masks alone. An entry
is an image record of either JSON file; annotations of an image that has no record are its fault.

- instances: a segment per annotation, numbered by annotation id. They may overlap: painted largest
  mask first (then lower id first), so the smaller lies on top; crowds are painted before all
  others. One that is hidden, or too thin for a pixel, keeps its number. Annotations with area 0
  are left out (train2017 has two, each a line: cocoapi issue #355). No pixel is void.
- panoptic: PNG, id = R + 256 G + 65536 B (widened first: uint8 would wrap), 0 = void = not valid.
  The ids of the PNG and of the JSON must be the same set.
- stuff: a segment per annotation, none a thing. Category 183, "other", is all things merged: known
  not to be stuff, so no segment (id 0) and valid; what no annotation covers is void, not valid.
- facts: instances and smallest are of things that are no crowds; stuff classes have 0 and 0.
- sizes are of the stored pixels: EXIF orientation is not for labels. Boxes differ from masks by
  up to some pixels in the official data and are not used. Captions lose outer whitespace; blank
  ones are dropped.

Sources: cocodataset.org/#format-data; cocoapi (maskApi.c, coco.py); panopticapi (utils.py); Lin et
al., "Microsoft COCO", ECCV 2014; Kirillov et al., CVPR 2019; Caesar et al., "COCO-Stuff", 2018.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines import _coco_json as coco_json
from pipelines import _coco_png as panoptic
from pipelines import _records as records
from pipelines import _rle
from pipelines._coco_json import Category, Picture, garbled
from vbdata.errors import BadSample, SourceError
from vbdata.nouns import Entry, Sample, Segments
from vbdata.storage import safe

if TYPE_CHECKING:
    from vbdata.storage import Folder

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://cocodataset.org/#download"
LABELS = ("segments", "captions")

SPLITS = ("train2017", "val2017", "train2014", "val2014")
SEGMENTS = {"instances": True, "panoptic": True, "stuff": False}  # classes are things by default
OTHER = 183  # COCO-Stuff's class of everything that is not stuff


class Shelf(NamedTuple):
    """What all entries of a split share. images, pngs: path -> size of the files that exist."""

    split: str
    segments: str
    categories: dict[int, Category]
    images: dict[str, int]
    pngs_at: str
    pngs: dict[str, int]


def index(
    root: Folder, *, split: str = "train2017", segments: str = "instances"
) -> Iterator[Entry]:
    """The images of a split in order of their ids, with the masks of one annotation file."""
    records.one_of("split", split, SPLITS)
    records.one_of("segments", segments, SEGMENTS)
    masks_at, told_at = (f"annotations/{kind}_{split}.json" for kind in (segments, "captions"))
    drawn = coco_json.table(root, masks_at, thing=SEGMENTS[segments])
    told = coco_json.table(root, told_at)
    if drawn is None and (told is None or segments != "instances"):
        also = f", nor {told_at}" if told is None else ""
        raise SourceError(f"{root.url}: no {masks_at}{also}")
    shelf = _shelf(root, split, segments, drawn.categories if drawn else {})
    found, strays = coco_json.pictures(drawn, told)
    del drawn, told  # what is gathered by image is let go of image by image
    for number in sorted(found):
        yield _entry(f"{number:012d}", found.pop(number), shelf)
    for place, detail in enumerate(strays):
        yield replace(_bare(f"stray-{place:06d}"), fault=f"garbled annotation: {detail}")


def load(root: Folder, entry: Entry, kinds: Collection[str]) -> Sample:
    """The picture's file as it is, its masks and its captions. Raises BadSample."""
    records.refuse(entry, kinds)
    labels: dict[str, Any] = {}
    image = records.read_image(root, entry)
    if "segments" in kinds:
        labels["segments"] = partition(root, entry)
    if "captions" in kinds:
        labels["captions"] = entry.captions
    return Sample(image=image, labels=labels)


def _shelf(root: Folder, split: str, segments: str, categories: dict[int, Category]) -> Shelf:
    """List the folders of a split. Raises SourceError if one is not there."""
    places = (f"annotations/panoptic_{split}", f"panoptic_{split}")
    pngs_at = next(filter(root.exists, places), places[0])
    wanted = [split, pngs_at] if segments == "panoptic" else [split]
    for folder in wanted:
        if not root.exists(folder):
            raise SourceError(f"{root.url}: no folder {folder}")
    pngs = records.sizes(root, pngs_at) if segments == "panoptic" else {}
    return Shelf(split, segments, categories, records.sizes(root, split), pngs_at, pngs)


def _bare(name: str) -> Entry:
    """An entry of which only the name is known."""
    group = f"coco:{name}"
    return Entry(id=name, group=group, width=0, height=0, license="unknown", files={}, labels=())


def _entry(name: str, picture: Picture, shelf: Shelf) -> Entry:
    """An image's entry, or its fault."""
    labels = ("segments",) * picture.drawn + ("captions",) * bool(picture.captions)
    entry = replace(_bare(name), labels=labels, license=picture.license)
    try:
        return replace(entry, **_content(picture, shelf))
    except BadSample as bad:
        return replace(entry, fault=f"{bad.reason}: {bad.detail}")


def _content(picture: Picture, shelf: Shelf) -> dict[str, Any]:
    """The fields of an entry that its annotations decide."""
    width, height = coco_json.size(picture)
    captions = coco_json.captions(picture)
    path = _below(shelf.split, picture.image.get("file_name"))
    files = {"image": records.file_ref(path, shelf.images)}
    content = {"width": width, "height": height, "captions": captions, "files": files}
    content["labels"] = ("segments",) * picture.drawn + ("captions",) * bool(captions)
    if picture.drawn and shelf.segments == "panoptic":
        listed, png = _panoptic_annotation(picture)
        files["panoptic"] = records.file_ref(_below(shelf.pngs_at, png), shelf.pngs)
        content |= masks_of(listed, shelf)
    elif picture.drawn:
        content |= masks_of([a for a in picture.masks if a.get("area") != 0], shelf)
    return content


def masks_of(annotations: list[Any], shelf: Shelf) -> dict[str, Any]:
    """The facts of an image's masks, and the record that its worker gets."""
    parts = [coco_json.part(each, shelf.categories) for each in annotations]
    if len({part["id"] for part in parts}) < len(parts):
        raise garbled("two annotations have the same id")
    other: list[Any] = []
    if shelf.segments != "panoptic":
        for part, each in zip(parts, annotations, strict=True):
            part["segmentation"] = each.get("segmentation")
    if shelf.segments == "stuff":
        named = [each["category_id"] != OTHER for each in annotations]
        other = [part for part, kept in zip(parts, named, strict=True) if not kept]
        parts = [part for part, kept in zip(parts, named, strict=True) if kept]
    parts.sort(key=lambda part: int(part["id"]))
    record = {"segments": shelf.segments, "parts": parts, "other": other}
    return {"classes": coco_json.facts(parts), "record": records.pack(record)}


def _panoptic_annotation(picture: Picture) -> tuple[list[Any], Any]:
    """The segments and the PNG name of an image's one panoptic annotation."""
    if len(picture.masks) != 1:
        raise garbled(f"{len(picture.masks)} panoptic annotations, expected one")
    listed = picture.masks[0].get("segments_info")
    if not isinstance(listed, list):
        raise garbled(f"segments_info is {type(listed).__name__}, expected a list")
    return listed, picture.masks[0].get("file_name")


def _below(folder: str, name: object) -> str:
    """The path of a file that the annotations name. Raises BadSample("unsafe path")."""
    if not records.text(name):
        raise garbled(f"file_name is {name!r}, expected text")
    return safe(f"{folder}/{name}")


def partition(root: Folder, entry: Entry, on_top: Collection[int] = ()) -> Segments:
    """An entry's masks; on_top: numbers, from 0, of those painted over all others."""
    import torch

    record = json.loads(entry.record)
    parts = record["parts"]
    if record["segments"] == "panoptic":
        ids = panoptic.numbers(root, entry, [part["id"] for part in parts])
        valid = ids > 0
    else:
        ids = _painted(entry, parts, on_top)
        valid = np.ones(ids.shape, np.bool_)
    if record["segments"] == "stuff":
        valid = (ids > 0) | (_painted(entry, record["other"]) > 0)
    return Segments(
        ids=torch.from_numpy(ids),
        classes=tuple(part["name"] for part in parts),
        things=tuple(part["thing"] for part in parts),
        crowds=tuple(part["crowd"] for part in parts),
        valid=torch.from_numpy(valid),
    )


def _painted(
    entry: Entry, parts: list[dict[str, Any]], on_top: Collection[int] = ()
) -> NDArray[np.int32]:
    """Number of the topmost mask at each pixel, from 1."""
    masks = [_runs(entry, part) for part in parts]
    order = sorted(
        range(len(parts)),
        key=lambda k: (k in on_top, not parts[k]["crowd"], -_rle.area(masks[k]), parts[k]["id"]),
    )
    return _rle.paint(((k + 1, masks[k]) for k in order), entry.height, entry.width)


def _runs(entry: Entry, part: dict[str, Any]) -> _rle.Runs:
    try:
        return _rle.runs(part["segmentation"], entry.height, entry.width)
    except BadSample as bad:
        detail = f"annotation {part['id']}: {bad.detail}"
        raise BadSample(bad.reason, detail, entry.files["image"].path) from bad
