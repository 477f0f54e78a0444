"""COCO's JSON files, gathered by image in one pass, with what is out of shape told apart.

A file that is not COCO's at all is a SourceError; a record that is out of shape stays beside its
image for the reader to refuse, or becomes a stray if it names no image. Annotations are cut down to
what an index asks for; their masks stay text (pipelines/formats/json_text.py), for who loads them.
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
    """A class; thing: countable."""

    name: str
    thing: bool


class Table(NamedTuple):
    """One annotation file. text: all of it; licenses: license id -> short name."""

    text: str
    images: list[Any]
    annotations: list[Any]
    categories: dict[int, Category]
    licenses: dict[int, str]


@dataclass(slots=True)
class Picture:
    """What the files say of one image. image: its record, {} without one; drawn: in the mask file.

    masks, captions: its annotations in the two files, cut down.
    """

    image: dict[str, Any] = field(default_factory=dict)
    license: str = "unknown"
    drawn: bool = False
    twice: bool = False
    masks: list[dict[str, Any]] = field(default_factory=list)
    captions: list[dict[str, Any]] = field(default_factory=list)


def table(root: Root, path: str, *, thing: bool | None = None) -> Table | None:
    """A JSON file, or None if there is none; thing: what classes are that do not say `isthing`.

    Without it the file is one of captions, which has no classes. Raises SourceError.
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
    """A JSON list of annotations as they stand in their file, uncut."""
    found = ",".join(text[slice(*annotation[json_text.PLACE])] for annotation in annotations)
    return f"[{found}]".encode("utf-8", "surrogatepass")


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Keep the garbage collector from walking, again and again, what JSON builds without cycles.

    It is more than half of the time that a file of the size of train2017's takes.
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
    """Keep it from walking what there is already, for what is to be done with it."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _categories(found: list[Any], thing: bool, path: str) -> dict[int, Category]:
    categories: dict[int, Category] = {}
    for entry in found:
        entry = entry if isinstance(entry, dict) else {}
        number, name = entry.get("id"), entry.get("name")
        if not records.whole(number) or not records.text(name) or number in categories:
            raise SourceError(f"{path}: category {entry!r}: expected its own id, and a name")
        categories[number] = Category(name, bool(entry.get("isthing", thing)))
    return categories


def _licenses(found: Any) -> dict[int, str]:
    """License id -> "CC-BY-2.0" and the like, or the name of one that is not Creative Commons."""
    entries = [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []
    return {e["id"]: _short(e) for e in entries if records.whole(e.get("id"))}


def _short(license_: dict[str, Any]) -> str:
    if commons := COMMONS.match(str(license_.get("url"))):
        return f"CC-{commons[1].upper()}-{commons[2]}"
    name = license_.get("name")
    return name if name and records.text(name) else "unknown"


def pictures(drawn: Table | None, told: Table | None) -> tuple[dict[int, Picture], list[str]]:
    """Everything by image id, and what cannot be given to any image, in words."""
    found: dict[int, Picture] = {}
    strays: list[str] = []
    with _no_collections():
        for file, masks in ((drawn, True), (told, False)):
            if file:
                _gather_images(file, masks, found, strays)
                _gather_annotations(file, masks, found, strays)
    return found, strays


def _gather_images(file: Table, masks: bool, found: dict[int, Picture], strays: list[str]) -> None:
    seen: set[int] = set()
    for place, image in enumerate(file.images):
        number = image.get("id") if isinstance(image, dict) else None
        if not _image_id(number):
            strays.append(f"image record {place} has id {number!r}")
            continue
        picture = found.setdefault(number, Picture())
        picture.twice |= number in seen
        picture.drawn |= masks
        if not picture.image:
            picture.image = image
            licence = image.get("license")
            picture.license = file.licenses.get(
                licence if records.whole(licence) else -1, "unknown"
            )
        seen.add(number)


def _gather_annotations(
    file: Table, masks: bool, found: dict[int, Picture], strays: list[str]
) -> None:
    for place, annotation in enumerate(file.annotations):
        number = annotation.get("image_id") if isinstance(annotation, dict) else None
        if not _image_id(number):
            strays.append(f"annotation {place} has image_id {number!r}")
            continue
        picture = found.setdefault(number, Picture())
        (picture.masks if masks else picture.captions).append(annotation)


def _image_id(number: object) -> TypeGuard[int]:
    return records.whole(number) and number < MAX_IMAGE_ID


def size(picture: Picture) -> tuple[int, int]:
    """Width and height of an image by its record. Raises BadSample("garbled annotation")."""
    if not picture.image or picture.twice:
        raise garbled("its id has two image records" if picture.twice else "it has no image record")
    width, height = picture.image.get("width"), picture.image.get("height")
    if not (records.whole(width) and records.whole(height) and 0 < width * height <= MAX_PIXELS):
        raise garbled(f"image record says {width!r} x {height!r} pixels")
    return width, height


def captions(picture: Picture) -> tuple[str, ...]:
    """An image's captions, stripped, none blank."""
    kept = []
    for annotation in picture.captions:
        if not records.text(caption := annotation.get("caption")):
            raise garbled(f"caption is {caption!r}, expected text")
        kept.append(caption.strip())
    return tuple(filter(None, kept))


def part(annotation: Any, categories: dict[int, Category]) -> dict[str, Any]:
    """A mask's annotation, checked but for its geometry: id, name, thing, crowd, area."""
    number = annotation.get("id") if isinstance(annotation, dict) else None
    if not records.whole(number) or number >= MAX_ID:
        raise garbled(f"annotation without an id: {annotation!r:.80}")
    kind = annotation.get("category_id")
    if not records.whole(kind) or kind not in categories:
        known = f"{len(categories)} classes known"
        raise BadSample("unknown category", f"annotation {number}: category {kind!r}, {known}")
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
    """What is in an image, by class name. Instances are things that are no crowds."""
    areas: dict[tuple[str, bool], list[int]] = {}
    for each in parts:
        known = areas.setdefault((each["name"], each["thing"]), [])
        if each["thing"] and not each["crowd"]:
            known.append(int(each["area"]))
    return tuple(
        ClassFact(name=name, thing=thing, instances=len(found), smallest=min(found, default=0))
        for (name, thing), found in sorted(areas.items())
    )


def garbled(detail: str) -> BadSample:
    """A record that is not of COCO's form."""
    return BadSample("garbled annotation", detail)
