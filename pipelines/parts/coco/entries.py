"""Entries of COCO-format images: what their records and annotations say, or what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry
from vbdata.errors import BadSample

from .. import own_records as own
from .. import picture_files, records
from ..places import Places
from . import keypoints, parts, pictures, png, scalars
from .names import coco_group, file_name, own_group
from .pictures import Picture, garbled

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

COCO = "coco"  # the option ids: all ids are COCO's
FEDERATED = "neg_category_ids"  # LVIS: classes that are known not to be in the image
PARTLY = "not_exhaustive_category_ids"  # LVIS: classes of which not all instances are marked


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all entries of an index share.

    segments: the kind of masks; images, pngs: where their files are; own: the name of the groups of
    pictures that are not COCO's; split, ids, licence, exif: the options; kept: the classes that are
    read, by name, None for all: others are as if they were not in the file; joints: of the
    keypoints that are offered, by the path of their file.
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
    kept: frozenset[str] | None = None
    joints: Mapping[str, keypoints.Joints] = field(default_factory=dict)


def bare(name: str, context: Context, *, fault: str = "") -> Entry:
    """An entry of which nothing is known but its name."""
    return Entry(**_nothing(name, context), fault=fault)


def _nothing(name: str, context: Context) -> dict[str, Any]:
    """The fields of an entry of which nothing is known but its name."""
    return {
        "id": name,
        "group": f"{context.own}:{name}",
        "width": 0,
        "height": 0,
        "license": context.licence or pictures.UNKNOWN,
        "files": {},
        "labels": (),
    }


def entry_of(picture: Picture, context: Context) -> Entry:
    """An image's entry, or its fault with what is known of it."""
    fields = _nothing(picture.name, context)
    fields["labels"] = ("segments",) * bool(picture.drawn) + ("captions",) * bool(picture.told)
    fields["license"] = context.licence or picture.license
    try:
        _fill(fields, picture, context)
    except BadSample as bad:
        return records.faulty(Entry(**fields), bad)
    return Entry(**fields)


def _fill(fields: dict[str, Any], picture: Picture, context: Context) -> None:
    """Set the fields that an image's record and annotations decide. Raises BadSample."""
    known = ""
    if context.ids in ("", COCO):
        known = coco_group(picture.image or {"id": picture.name}, ids=context.ids == COCO)
        fields["group"] = known or fields["group"]
    size = pictures.stated_size(picture)
    path = context.images.path(file_name(picture.image))
    if not known:
        fields["group"] = f"{context.own}:{own_group(path)}"
    fields["files"] = {"image": records.file_ref(path, context.images.sizes)}
    frame = frame_of(context, known=bool(known))
    if size is None:
        measured = own.measured(context.root, Entry(**fields), frame)
        size = (measured.width, measured.height)
    fields["width"], fields["height"] = size
    fields["captions"] = captions = pictures.captions(picture)
    fields["labels"] = ("segments",) * bool(picture.drawn) + ("captions",) * bool(captions)
    more = said_of(frame)
    if picture.drawn is None:
        fields["record"] = records.pack(more) if more else b""
    elif context.segments == "panoptic":
        _mark_panoptic(fields, picture, context, more)
    else:
        joints = context.joints.get(picture.drawn.path)
        if joints not in (None, keypoints.USUAL):
            more = more | {"joints": joints}
        _mark(fields, picture, context, more)
        if joints is not None and keypoints.labelled(fields["record"]):
            fields["labels"] += ("keypoints",)


def frame_of(context: Context, *, known: bool) -> str:
    """The frame of picture_files in which masks lie. known: whether the picture is COCO's own."""
    return picture_files.STORED if known and not context.exif else context.exif


def said_of(frame: str) -> dict[str, Any]:
    """What records say of a frame."""
    return {} if frame == picture_files.STORED else {"exif": frame}


def _mark(fields: dict[str, Any], picture: Picture, context: Context, more: dict[str, Any]) -> None:
    """Set the fields of an image's masks. more: keys of its record besides. Raises BadSample."""
    assert picture.drawn is not None
    stuff = context.segments == "stuff"
    careful = stuff or FEDERATED in picture.image or context.kept is not None
    if not careful and (made := picture.described(context.segments, more)):
        fields["classes"], fields["record"] = made
        return
    size = (fields["width"], fields["height"])
    masks = [each for each in picture.masks if _is_kept(each, picture, context)]
    found = parts.marked(masks, picture.drawn, size, stuff=stuff)
    if FEDERATED in picture.image:
        _hide_partly(found, picture)
        absent = tuple(n for n in _absent(picture) if context.kept is None or n in context.kept)
        fields["absent"] = absent
        partly = {part["name"] for part in found.parts if part["crowd"]}
        marked = {part["name"] for part in found.parts} - partly
        more = more | {"known": sorted(marked.union(absent))}
    fields["classes"] = parts.facts(found.parts)
    fields["record"] = parts.packed(found, context.segments, picture.drawn, **more)
    fields["left_out"] = tuple(found.left_out)


def _is_kept(annotation: dict[str, Any], picture: Picture, context: Context) -> bool:
    """Whether an annotation is of a class that is read, or of none that is known."""
    if context.kept is None:
        return True
    assert picture.drawn is not None
    id_ = scalars.identity(annotation.get("category_id"))
    kind = None if id_ is None else (picture.drawn.categories or {}).get(id_)
    return kind is None or kind.name in context.kept


def _absent(picture: Picture) -> tuple[str, ...]:
    """The classes that annotators looked for and did not find, by name; what is marked is there."""
    assert picture.drawn is not None
    listed, known = picture.image.get(FEDERATED), picture.drawn.categories or {}
    ids = {scalars.identity(each) for each in listed} if isinstance(listed, list) else set()
    names = {known[id_].name for id_ in ids if id_ is not None and id_ in known}
    marked = {scalars.identity(each.get("category_id")) for each in picture.masks}
    there = {known[id_].name for id_ in marked if id_ is not None and id_ in known}
    return tuple(sorted(names - there))


def _hide_partly(found: parts.Marked, picture: Picture) -> None:
    """Make crowds of the classes of which not all instances are marked: none is counted."""
    listed = picture.image.get(PARTLY)
    hidden = {scalars.identity(each) for each in listed} if isinstance(listed, list) else set()
    for part, annotation in zip(found.parts, found.named, strict=True):
        part["crowd"] |= scalars.identity(annotation.get("category_id")) in hidden


def _mark_panoptic(
    fields: dict[str, Any], picture: Picture, context: Context, more: dict[str, Any]
) -> None:
    """Set the fields of an image's one panoptic annotation. Raises BadSample."""
    if len(picture.masks) != 1 or context.pngs is None or picture.drawn is None:
        raise garbled(f"{len(picture.masks)} panoptic annotations, expected one")
    listed = picture.masks[0].get("segments_info")
    if not isinstance(listed, list):
        raise garbled(f"segments_info is {type(listed).__name__}, expected a list")
    path = context.pngs.path(file_name({"file_name": picture.masks[0].get("file_name")}))
    fields["files"]["panoptic"] = file = records.file_ref(path, context.pngs.sizes)
    every, found = parts.listed(listed, picture.drawn.categories or {})
    if file.size >= 0 and not all(part["area"] for part in found.parts):
        counted = png.areas(context.root, Entry(**fields), [part["id"] for part in every])
        for part, area in zip(every, counted, strict=True):
            part["area"] = part["area"] or area
    head = {"segments": context.segments, "parts": found.parts, "other": [], **more}
    unnamed = [part["id"] for part in every if not part["name"]]
    fields["classes"] = parts.facts(found.parts)
    fields["record"] = records.pack(head | ({"unnamed": unnamed} if unnamed else {}))
    fields["left_out"] = tuple(found.left_out)
