"""COCO 2017 (or 2014): photographs with instance, panoptic, stuff or person masks, and captions.

Licence: the annotations are CC BY 4.0, each picture has its own, named in its entry. Layout:

    train2017/000000000790.jpg      (2014: train2014/COCO_train2014_000000000790.jpg)
    annotations/{instances,captions,panoptic,stuff,person_keypoints}_train2017.json
    annotations/panoptic_train2017/000000000790.png, or panoptic_train2017/ in the root

The files that are there decide what is offered: captions alone will do, and so will masks alone. An
entry is an image record of either JSON file, also one on which nothing is marked (1,021 of
train2017 have no instance). Annotations of an image that has no record are a fault of that image.

- instances: one segment for each annotation, numbered by annotation id. They may overlap: the
  largest mask is painted first (then the lower id), so smaller ones lie on top; crowds are painted
  before all others. One that is hidden, or too thin for a pixel, keeps its number. Annotations of
  area 0 are left out (train2017 has two, each a line: cocoapi issue #355). No pixel is void.
- person_keypoints: as instances, for persons only; all else is unmarked. Keypoints are not read.
- panoptic: a PNG, id = R + 256 G + 65536 B, 0 = void = not valid. The ids of the PNG and of the
  JSON must be the same set.
- stuff: one segment for each annotation, none a thing. Category 183, "other", is all things merged:
  known not to be stuff, so no segment (id 0) and valid. What no annotation covers is void, not
  valid.
- facts: instances and smallest are of things that are no crowds; stuff classes have 0 and 0.
- sizes are of the stored pixels: an EXIF orientation turns neither labels nor picture. Boxes
  differ from masks by some pixels in the official data and are not used. Captions are stripped of
  white space; blank ones are dropped.

Sources: cocodataset.org/#format-data; cocoapi (maskApi.c, coco.py); panopticapi (utils.py); Lin et
al., "Microsoft COCO", ECCV 2014; Kirillov et al., CVPR 2019; Caesar et al., "COCO-Stuff", 2018.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Entry, Official, Sample, Segments
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import safe

from .formats import rle
from .parts import picture_files, records
from .parts.coco import annotations as coco_json
from .parts.coco import official as release
from .parts.coco import png as panoptic
from .parts.coco.annotations import Category, Picture, Table, garbled

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://cocodataset.org/#download"
LABELS = ("segments", "captions")

SPLITS = ("train2017", "val2017", "train2014", "val2014")
SEGMENTS = {  # kind of masks -> whether its classes are things where they do not say
    "instances": True,
    "panoptic": True,
    "stuff": False,
    "person_keypoints": True,
}
HOLDOUTS = {"coco-val2017": {"split": "val2017"}, "coco-val2014": {"split": "val2014"}}
OTHER = 183  # COCO-Stuff's class of everything that is not stuff


class SplitContext(NamedTuple):
    """What all entries of a split share.

    segments: the kind of masks; categories: the classes by id; images, pngs: path -> size of the
    files that exist; pngs_at: the folder of the PNGs; text: the whole file of the masks.
    """

    split: str
    segments: str
    categories: dict[int, Category]
    images: dict[str, int]
    pngs_at: str
    pngs: dict[str, int]
    text: str


def index(root: Root, *, split: str = "train2017", segments: str = "instances") -> Iterator[Entry]:
    """The images of a split in order of their ids, with the masks of one annotation file.

    split: one of SPLITS; segments: which masks, one of SEGMENTS. Raises SourceError if the files
    are not there or not COCO's.
    """
    masks, captions = _tables(root, split, segments)
    if masks is None and (captions is None or segments != "instances"):
        raise SourceError(f"{root.url}: no {_missing(split, segments, captions)}")
    context = _context(root, split, segments, masks)
    pictures, strays = coco_json.pictures(masks, captions)
    del masks, captions  # so that the memory of each image is free once its entry is out
    with coco_json.settled():
        for number in sorted(pictures):
            yield _entry(f"{number:012d}", pictures.pop(number), context)
    for place, detail in enumerate(strays):
        yield replace(_bare(f"stray-{place:06d}"), fault=f"garbled annotation: {detail}")


def groups(root: Root, *, split: str = "train2017", segments: str = "instances") -> Iterator[str]:
    """The groups of a split, from any of its annotation files: no picture needs to be there.

    Raises SourceError if there is no such file.
    """
    masks, captions = _tables(root, split, segments)
    for other in SEGMENTS:
        if not masks and not captions:
            masks = coco_json.table(root, _masks(split, other), thing=True)
    if not masks and not captions:
        raise SourceError(f"{root.url}: no {_missing(split, segments, captions)}")
    pictures, _ = coco_json.pictures(masks, captions)
    yield from (_group(f"{number:012d}") for number in sorted(pictures))


def official(*, split: str = "train2017", segments: str = "instances") -> Official:
    """The official release of a split. segments: which masks, one of SEGMENTS."""
    _check(split, segments)
    return release.official(split, segments)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its masks and captions. Raises BadSample."""
    records.refuse(entry, kinds)
    labels: dict[str, Any] = {}
    image = picture_files.read(root, entry, picture_files.STORED)
    if "segments" in kinds:
        labels["segments"] = partition(root, entry)
    if "captions" in kinds:
        labels["captions"] = entry.captions
    return Sample(image=image, labels=labels)


def _check(split: str, segments: str) -> None:
    records.one_of("split", split, SPLITS)
    records.one_of("segments", segments, SEGMENTS)


def _masks(split: str, segments: str) -> str:
    return f"annotations/{segments}_{split}.json"


def _tables(root: Root, split: str, segments: str) -> tuple[Table | None, Table | None]:
    """The files of masks and of captions, None where there is none."""
    _check(split, segments)
    masks = coco_json.table(root, _masks(split, segments), thing=SEGMENTS[segments])
    return masks, coco_json.table(root, f"annotations/captions_{split}.json")


def _missing(split: str, segments: str, captions: Table | None) -> str:
    """The annotation files that are not there, for a message."""
    also = "" if captions else f", nor annotations/captions_{split}.json"
    return f"{_masks(split, segments)}{also}"


def _context(root: Root, split: str, segments: str, masks: Table | None) -> SplitContext:
    """List the folders of a split. Raises SourceError if one is not there."""
    folders = (f"annotations/panoptic_{split}", f"panoptic_{split}")
    pngs_at = next(filter(root.exists, folders), folders[0])
    wanted = [split, pngs_at] if segments == "panoptic" else [split]
    for folder in wanted:
        if not root.exists(folder):
            raise SourceError(f"{root.url}: no folder {folder}")
    pngs = records.sizes(root, pngs_at) if segments == "panoptic" else {}
    categories, text = (masks.categories, masks.text) if masks else ({}, "")
    return SplitContext(
        split, segments, categories, records.sizes(root, split), pngs_at, pngs, text
    )


def _group(name: str) -> str:
    return f"coco:{name}"


def _bare(name: str) -> Entry:
    """An entry of which nothing is known but its name."""
    group = _group(name)
    return Entry(id=name, group=group, width=0, height=0, license="unknown", files={}, labels=())


def _entry(name: str, picture: Picture, context: SplitContext) -> Entry:
    """An image's entry, or its fault."""
    labels = ("segments",) * picture.drawn + ("captions",) * bool(picture.captions)
    entry = replace(_bare(name), labels=labels, license=picture.license)
    try:
        return replace(entry, **_content(picture, context))
    except BadSample as bad:
        return records.faulty(entry, bad)


def _content(picture: Picture, context: SplitContext) -> dict[str, Any]:
    """The fields of an entry that its annotations decide."""
    width, height = coco_json.size(picture)
    captions = coco_json.captions(picture)
    path = _below(context.split, picture.image.get("file_name"))
    files = {"image": records.file_ref(path, context.images)}
    content = {"width": width, "height": height, "captions": captions, "files": files}
    content["labels"] = ("segments",) * picture.drawn + ("captions",) * bool(captions)
    if picture.drawn and context.segments == "panoptic":
        listed, png = _panoptic_annotation(picture)
        files["panoptic"] = records.file_ref(_below(context.pngs_at, png), context.pngs)
        content |= masks_of(listed, context)
    elif picture.drawn:
        content |= masks_of([a for a in picture.masks if a.get("area") != 0], context)
    return content


def masks_of(annotations: list[Any], context: SplitContext) -> dict[str, Any]:
    """The fields `classes` and `record` of an image's entry, from its annotations.

    The record's first line has the segments; its second the annotations as they stand in their
    file, geometry and all; panoptic ones need none. Raises BadSample.
    """
    both = [(coco_json.part(each, context.categories), each) for each in annotations]
    if len({part["id"] for part, _ in both}) < len(both):
        raise garbled("two annotations have the same id")
    both.sort(key=lambda pair: int(pair[0]["id"]))
    other = [pair for pair in both if context.segments == "stuff" and _is_other(pair[1])]
    named = [pair for pair in both if pair not in other] if other else both
    parts = [part for part, _ in named]
    record = {"segments": context.segments, "parts": parts, "other": [part for part, _ in other]}
    packed = records.pack(record)
    if context.segments != "panoptic":
        packed += b"\n" + coco_json.texts((each for _, each in named + other), context.text)
    return {"classes": coco_json.facts(parts), "record": packed}


def _is_other(annotation: dict[str, Any]) -> bool:
    return bool(annotation["category_id"] == OTHER)


def _panoptic_annotation(picture: Picture) -> tuple[list[Any], Any]:
    """The segments and the PNG's name of an image's one panoptic annotation. Raises BadSample."""
    if len(picture.masks) != 1:
        raise garbled(f"{len(picture.masks)} panoptic annotations, expected one")
    listed = picture.masks[0].get("segments_info")
    if not isinstance(listed, list):
        raise garbled(f"segments_info is {type(listed).__name__}, expected a list")
    return listed, picture.masks[0].get("file_name")


def _below(folder: str, name: object) -> str:
    """The path of a file that the annotations name. Raises BadSample, "unsafe path" outside."""
    if not records.text(name):
        raise garbled(f"file_name is {name!r}, expected text")
    return safe(f"{folder}/{name}")


def partition(root: Root, entry: Entry, on_top: Collection[int] = ()) -> Segments:
    """An entry's masks as a label.

    on_top: numbers, counted from 0, of the masks that are painted over all others. Raises
    BadSample.
    """
    import torch

    head, _, texts = entry.record.partition(b"\n")
    record = records.unpack(head)
    parts, other = record["parts"], record["other"]
    if record["segments"] == "panoptic":
        ids = panoptic.numbers(root, entry, [part["id"] for part in parts])
        valid = ids > 0
    else:
        shapes = [annotation.get("segmentation") for annotation in records.unpack(texts)]
        ids = _painted(entry, parts, shapes[: len(parts)], on_top)
        valid = np.ones(ids.shape, np.bool_)
        if record["segments"] == "stuff":
            valid = (ids > 0) | (_painted(entry, other, shapes[len(parts) :]) > 0)
    return Segments(
        ids=torch.from_numpy(ids),
        classes=tuple(part["name"] for part in parts),
        things=tuple(part["thing"] for part in parts),
        crowds=tuple(part["crowd"] for part in parts),
        valid=torch.from_numpy(valid),
    )


def _painted(
    entry: Entry, parts: list[dict[str, Any]], shapes: list[Any], on_top: Collection[int] = ()
) -> NDArray[np.int32]:
    """int32[H, W]: the number of the topmost mask at each pixel, from 1; 0 where there is none."""
    drawn = rle.many_runs(shapes, entry.height, entry.width)
    masks = [
        _runs(entry, part, shape) if mask is None else mask
        for part, shape, mask in zip(parts, shapes, drawn, strict=True)
    ]
    order = sorted(
        range(len(parts)),
        key=lambda k: (k in on_top, not parts[k]["crowd"], -rle.area(masks[k]), parts[k]["id"]),
    )
    return rle.paint(((k + 1, masks[k]) for k in order), entry.height, entry.width)


def _runs(entry: Entry, part: dict[str, Any], shape: Any) -> rle.Runs:
    """One annotation's mask. Raises BadSample that names the annotation."""
    try:
        return rle.runs(shape, entry.height, entry.width)
    except BadSample as bad:
        detail = f"annotation {part['id']}: {bad.detail}"
        raise BadSample(bad.reason, detail, entry.files["image"].path) from bad
