"""Entries of COCO-format images: what their records and annotations say, or what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry
from vbdata.errors import BadSample

from .. import own_records as own
from .. import picture_files, records
from . import parts, pictures, png, scalars
from .pictures import Picture, garbled
from .places import Places, coco_group, file_name, own_group

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

COCO = "coco"  # the option ids: all ids are COCO's
FEDERATED = "neg_category_ids"  # LVIS: classes that are known not to be in the image
PARTLY = "not_exhaustive_category_ids"  # LVIS: classes of which not all instances are marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all entries of an index share.

    segments: the kind of masks; images, pngs: where their files are; own: the name of the groups of
    pictures that are not COCO's; split, ids, licence, exif: the options.
    """

    root: Root
    split: str
    segments: str
    images: Places
    pngs: Places | None
    ids: str
    own: str
    licence: str
    exif: str


def bare(name: str, context: Context, *, fault: str = "") -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(
        id=name,
        group=f"{context.own}:{name}",
        width=0,
        height=0,
        license=context.licence or "unknown",
        files={},
        labels=(),
        fault=fault,
    )


def entry_of(picture: Picture, context: Context) -> Entry:
    """An image's entry, or its fault."""
    image = picture.image
    known = ""
    if context.ids in ("", COCO):
        known = coco_group(image or {"id": picture.name}, ids=context.ids == COCO)
    entry = replace(
        bare(picture.name, context),
        labels=("segments",) * bool(picture.drawn) + ("captions",) * bool(picture.captions),
        license=context.licence or picture.license,
    )
    entry = replace(entry, group=known or entry.group)
    try:
        size = pictures.stated_size(picture)
        path = context.images.path(file_name(image))
        if not known:
            entry = replace(entry, group=f"{context.own}:{own_group(path)}")
        files = {"image": records.file_ref(path, context.images.sizes)}
        frame = picture_files.STORED if known and not context.exif else context.exif
        entry = replace(entry, files=files)
        if size is None:
            entry = own.measured(context.root, entry, frame)
        else:
            entry = replace(entry, width=size[0], height=size[1])
        captions = pictures.captions(picture)
        labels = ("segments",) * bool(picture.drawn) + ("captions",) * bool(captions)
        entry = replace(entry, captions=captions, labels=labels)
        more = {} if frame == picture_files.STORED else {"exif": frame}
        return _marked(entry, picture, context, more)
    except BadSample as bad:
        return records.faulty(entry, bad)


def _marked(entry: Entry, picture: Picture, context: Context, more: dict[str, Any]) -> Entry:
    """The entry with its masks. more: keys of its record besides. Raises BadSample."""
    if picture.drawn is None:
        return replace(entry, record=records.pack(more) if more else b"")
    if context.segments == "panoptic":
        return _panoptic(entry, picture, context, more)
    size = (entry.width, entry.height)
    stuff = context.segments == "stuff"
    found = parts.marked(picture.masks, picture.drawn, size, stuff=stuff)
    if FEDERATED in picture.image:
        _hide_partly(found, picture)
        more = more | {"federated": True}
    return replace(
        entry,
        classes=parts.facts(found.parts),
        record=parts.packed(found, context.segments, picture.drawn, **more),
        left_out=tuple(found.left_out),
    )


def _hide_partly(found: parts.Marked, picture: Picture) -> None:
    """Make crowds of the classes of which not all instances are marked: none is counted."""
    listed = picture.image.get(PARTLY)
    hidden = {scalars.identity(each) for each in listed} if isinstance(listed, list) else set()
    for part, annotation in zip(found.parts, found.named, strict=True):
        part["crowd"] |= scalars.identity(annotation.get("category_id")) in hidden


def _panoptic(entry: Entry, picture: Picture, context: Context, more: dict[str, Any]) -> Entry:
    """The entry with the segments of its one panoptic annotation. Raises BadSample."""
    if len(picture.masks) != 1 or context.pngs is None or picture.drawn is None:
        raise garbled(f"{len(picture.masks)} panoptic annotations, expected one")
    listed = picture.masks[0].get("segments_info")
    if not isinstance(listed, list):
        raise garbled(f"segments_info is {type(listed).__name__}, expected a list")
    path = context.pngs.path(file_name({"file_name": picture.masks[0].get("file_name")}))
    file = records.file_ref(path, context.pngs.sizes)
    entry = replace(entry, files={**entry.files, "panoptic": file})
    every, found = parts.listed(listed, picture.drawn.categories or {})
    if file.size >= 0 and not all(part["area"] for part in found.parts):
        counted = png.areas(context.root, entry, [part["id"] for part in every])
        for part, area in zip(every, counted, strict=True):
            part["area"] = part["area"] or area
    head = {"segments": context.segments, "parts": found.parts, "other": [], **more}
    unnamed = [part["id"] for part in every if not part["name"]]
    return replace(
        entry,
        classes=parts.facts(found.parts),
        record=records.pack(head | ({"unnamed": unnamed} if unnamed else {})),
        left_out=tuple(found.left_out),
    )
