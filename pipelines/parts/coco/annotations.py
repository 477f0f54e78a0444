"""COCO's JSON files, gathered by image in one pass.

A file that is not COCO's at all raises SourceError. A malformed record stays with its image, for
the reader to refuse; one that names no image becomes a stray, an entry of its own that is a fault.
Of annotations only what an index needs is parsed and kept; their masks stay text
(pipelines/formats/json_text.py) until a sample is loaded.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from vbdata.core.images import MAX_PIXELS
from vbdata.core.types import ClassFact
from vbdata.errors import BadSample, SourceError

from ...formats import json_text
from .. import records
from ..class_facts import Seen, by_class

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

MAX_IMAGE_ID = 10**12  # exclusive: 12 digits
MAX_ID = 1 << 63
KEPT = (  # of an annotation
    *("id", "image_id", "category_id", "iscrowd", "area"),
    *("caption", "segments_info", "file_name"),
)
COMMONS = re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)")


class Category(NamedTuple):
    """A class. thing: whether it can be counted."""

    name: str
    thing: bool


class Table(NamedTuple):
    """One annotation file.

    text: all of it; images, annotations: its records, as they are; categories: by id; licenses:
    license id -> short name.
    """

    text: str
    images: list[Any]
    annotations: list[Any]
    categories: dict[int, Category]
    licenses: dict[int, str]


@dataclass(slots=True)
class Picture:
    """What the annotation files say of one image.

    image: its record, {} if there is none; license: short name; drawn: whether the file of masks
    has its record; twice: whether a file has two records of it; masks, captions: its annotations in
    the two files, with the keys KEPT only.
    """

    image: dict[str, Any] = field(default_factory=dict)
    license: str = "unknown"
    drawn: bool = False
    twice: bool = False
    masks: list[dict[str, Any]] = field(default_factory=list)
    captions: list[dict[str, Any]] = field(default_factory=list)


def table(root: Root, path: str, *, thing: bool | None = None) -> Table | None:
    """An annotation file, parsed; None if it is not there.

    thing: whether classes that do not say `isthing` can be counted; None for a file of captions,
    which has no classes. Raises SourceError for a file that is not of COCO's form.
    """
    if not root.exists(path):
        return None
    try:
        with _no_collections():
            text = json_text.decode(records.source_bytes(root, path, "COCO annotations"))
            top = json_text.parse(text, "annotations", KEPT)
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{path}: not readable as JSON: {err}") from err
    if not isinstance(top, dict):
        raise SourceError(f"{path}: a JSON {type(top).__name__}, expected an object")
    lists = {}
    for key in ("images", "annotations") + (() if thing is None else ("categories",)):
        lists[key] = top.pop(key, None)
        if not isinstance(lists[key], list):
            raise SourceError(f"{path}: {key!r} is {type(lists[key]).__name__}, expected a list")
    categories = {} if thing is None else _categories(lists["categories"], thing, path)
    licenses = _licenses(top.get("licenses"))
    return Table(text, lists["images"], lists["annotations"], categories, licenses)


def texts(annotations: Iterable[dict[str, Any]], text: str) -> bytes:
    """A JSON list of annotations as they stand in their file, with all keys. text: the file's."""
    items = ",".join(text[slice(*annotation[json_text.PLACE])] for annotation in annotations)
    return f"[{items}]".encode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Turn the garbage collector off: parsed JSON has no cycles, yet it is searched over and over.

    That is more than half of the time that a file of the size of train2017's takes.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Keep the garbage collector from searching what exists already when the block is entered."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _categories(listed: list[Any], thing: bool, path: str) -> dict[int, Category]:
    """The classes by id. Raises SourceError for one without a name or an id of its own."""
    categories: dict[int, Category] = {}
    for entry in listed:
        entry = entry if isinstance(entry, dict) else {}
        number, name = entry.get("id"), entry.get("name")
        if not records.whole(number) or not records.text(name) or number in categories:
            raise SourceError(f"{path}: category {entry!r}: expected its own id, and a name")
        categories[number] = Category(name, bool(entry.get("isthing", thing)))
    return categories


def _licenses(listed: Any) -> dict[int, str]:
    """License id -> short name; records that are not of COCO's form are left out."""
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    return {e["id"]: _short(e) for e in entries if records.whole(e.get("id"))}


def _short(license_: dict[str, Any]) -> str:
    """A licence's short name, such as CC-BY-2.0, or its own name if it is not Creative Commons."""
    if commons := COMMONS.match(str(license_.get("url"))):
        return f"CC-{commons[1].upper()}-{commons[2]}"
    name = license_.get("name")
    return name if name and records.text(name) else "unknown"


def pictures(masks: Table | None, captions: Table | None) -> tuple[dict[int, Picture], list[str]]:
    """What two annotation files say, by image id, and strays: records of no image, in words."""
    by_id: dict[int, Picture] = {}
    strays: list[str] = []
    with _no_collections():
        for file, drawn in ((masks, True), (captions, False)):
            if file:
                _gather_images(file, drawn, by_id, strays)
                _gather_annotations(file, drawn, by_id, strays)
    return by_id, strays


def _gather_images(file: Table, drawn: bool, by_id: dict[int, Picture], strays: list[str]) -> None:
    """Add the image records of a file. drawn: whether it is the file of masks."""
    seen: set[int] = set()
    for place, image in enumerate(file.images):
        number = image.get("id") if isinstance(image, dict) else None
        if not _image_id(number):
            strays.append(f"image record {place} has id {number!r}")
            continue
        picture = by_id.setdefault(number, Picture())
        picture.twice |= number in seen
        picture.drawn |= drawn
        if not picture.image:
            picture.image = image
            licence = image.get("license")
            picture.license = file.licenses.get(
                licence if records.whole(licence) else -1, "unknown"
            )
        seen.add(number)


def _gather_annotations(
    file: Table, drawn: bool, by_id: dict[int, Picture], strays: list[str]
) -> None:
    """Add the annotations of a file. drawn: whether it is the file of masks."""
    for place, annotation in enumerate(file.annotations):
        number = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not _image_id(number):
            strays.append(f"annotation {place} has image_id {number!r}")
            continue
        picture = by_id.setdefault(number, Picture())
        (picture.masks if drawn else picture.captions).append(annotation)


def _image_id(number: object) -> TypeGuard[int]:
    return records.whole(number) and number < MAX_IMAGE_ID


def size(picture: Picture) -> tuple[int, int]:
    """(width, height) of an image by its record. Raises BadSample("garbled annotation")."""
    if not picture.image or picture.twice:
        raise garbled("its id has two image records" if picture.twice else "it has no image record")
    width, height = picture.image.get("width"), picture.image.get("height")
    if not (records.whole(width) and records.whole(height) and 0 < width * height <= MAX_PIXELS):
        raise garbled(f"image record says {width!r} x {height!r} pixels")
    return width, height


def captions(picture: Picture) -> tuple[str, ...]:
    """An image's captions, stripped, without blank ones. Raises BadSample("garbled annotation")."""
    kept = []
    for annotation in picture.captions:
        if not records.text(caption := annotation.get("caption")):
            raise garbled(f"caption is {caption!r}, expected text")
        kept.append(caption.strip())
    return tuple(filter(None, kept))


def part(annotation: Any, categories: dict[int, Category]) -> dict[str, Any]:
    """What a mask's annotation says of it, but for its geometry: id, name, thing, crowd, area.

    Raises BadSample("garbled annotation" or "unknown category").
    """
    number = annotation.get("id") if isinstance(annotation, dict) else None
    if not records.whole(number) or number >= MAX_ID:
        raise garbled(f"annotation without an id: {annotation!r:.80}")
    kind = annotation.get("category_id")
    if not records.whole(kind) or kind not in categories:
        detail = f"annotation {number}: category {kind!r}, not one of {len(categories)}"
        raise BadSample("unknown category", detail)
    crowd, area = annotation.get("iscrowd"), annotation.get("area")
    if crowd not in (0, 1):
        raise garbled(f"annotation {number}: iscrowd is {crowd!r}, expected 0 or 1")
    if not isinstance(area, (int, float)) or not 0 <= area <= MAX_PIXELS:
        raise garbled(f"annotation {number}: area is {area!r}")
    category = categories[kind]
    return {
        "id": number,
        "name": category.name,
        "thing": category.thing,
        "crowd": bool(crowd),
        "area": area,
    }


def facts(parts: list[dict[str, Any]]) -> tuple[ClassFact, ...]:
    """What is in an image, by class name. parts: as `part` makes them."""
    return by_class(
        Seen(each["name"], each["thing"], each["crowd"], int(each["area"])) for each in parts
    )


def garbled(detail: str) -> BadSample:
    """What to raise for a record that is not of COCO's form."""
    return BadSample("garbled annotation", detail)
