"""Entries of COCO's images with referring expressions, and where their pictures lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, Expression, FileRef, Sample
from vbdata.errors import BadSample, SourceError

from .. import picture_files, records
from ..coco import parts
from ..coco import pictures as coco_pictures
from ..coco.masks import partition
from ..coco.pictures import Picture
from .refs import Ref

if TYPE_CHECKING:
    from collections.abc import Collection

    from vbdata.storage.folder import Root

LABELS = ("segments", "expressions")
PICTURES = (  # in the order in which they are tried
    ("images/mscoco/images/train2014", "COCO_train2014_{:012d}.jpg"),
    ("images/train2014", "COCO_train2014_{:012d}.jpg"),
    ("train2014", "COCO_train2014_{:012d}.jpg"),
    ("train2017", "{:012d}.jpg"),
    ("val2017", "{:012d}.jpg"),
)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its masks and expressions. Raises BadSample.

    What an expression of the entry means is painted over all else.
    """
    records.refuse(entry, kinds)
    labels: dict[str, Any] = {}
    image = picture_files.read(root, entry, picture_files.STORED)
    if "segments" in kinds:
        referred = {target for each in entry.expressions for target in each.targets}
        labels["segments"] = partition(root, entry, on_top=referred)
    if "expressions" in kinds:
        labels["expressions"] = entry.expressions
    return Sample(image=image, labels=labels)


def picture_sizes(root: Root, top: str) -> dict[str, int]:
    """Path -> size of all files in the folders of pictures. SourceError if there are none."""
    folders = [folder for folder in _folders(top) if root.exists(folder)]
    if not folders:
        raise SourceError(f"{root.url}: no folder {' or '.join(_folders(top))}")
    return {path: size for folder in folders for path, size in records.sizes(root, folder).items()}


def _folders(top: str) -> list[str]:
    """The folders that pictures may be in, below `top` and in the root, in the order of search."""
    return [f"{above}{folder}" for above in dict.fromkeys((top, "")) for folder, _ in PICTURES]


def _file(number: int, known: dict[str, int], top: str) -> FileRef:
    """The picture of an image id: the first of its possible paths that exists."""
    names = [name for _, name in PICTURES] * 2
    paths = [f"{f}/{name.format(number)}" for f, name in zip(_folders(top), names, strict=False)]
    return records.file_ref(next((p for p in paths if p in known), paths[0]), known)


def entry_of(
    number: int, picture: Picture, refs: list[Ref], images: dict[str, int], top: str
) -> Entry:
    """An image's entry, or its fault."""
    name = f"{number:012d}"
    try:
        assert picture.drawn is not None  # else refs_of would not name it
        width, height = coco_pictures.stated_size(picture) or (0, 0)
        found = parts.marked(picture.masks, picture.drawn, (width, height))
    except BadSample as bad:
        return faulty(name, picture.license, f"{bad.reason}: {bad.detail}")
    places = {part["id"]: place for place, part in enumerate(found.parts)}
    expressions = tuple(
        Expression(text=text, targets=tuple(sorted(places[each] for each in ref.annotations)))
        for ref in refs
        if places.keys() >= set(ref.annotations)
        for text in ref.texts
    )
    return Entry(
        id=name,
        group=f"coco:{name}",
        width=width,
        height=height,
        license=picture.license,
        files={"image": _file(number, images, top)},
        labels=LABELS if expressions else LABELS[:1],
        expressions=expressions,
        classes=parts.facts(found.parts),
        record=parts.packed(found, "instances", picture.drawn),
        left_out=tuple(found.left_out),
    )


def faulty(name: str, license_: str, fault: str) -> Entry:
    """An entry of which nothing is known but its name and its fault."""
    return Entry(
        id=name,
        group=f"coco:{name}",
        width=0,
        height=0,
        license=license_,
        files={},
        labels=(),
        fault=fault,
    )
