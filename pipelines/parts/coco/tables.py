"""COCO-format annotation files, parsed: image records, annotations, classes, licences.

A file that is not of that form at all raises SourceError. Of annotations only what an index needs
is parsed and kept; their masks stay text (pipelines/formats/json_text.py) until a sample is loaded.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.texts import seen
from vbdata.errors import SourceError

from ...formats import json_text
from .. import records
from . import scalars
from .form import wrong_mask

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

KEPT = (  # of an annotation
    *("id", "image_id", "category_id", "iscrowd", "area"),
    *("caption", "segments_info", "file_name"),
)
COMMONS = re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)")


class Category(NamedTuple):
    """A class. thing: whether it can be counted."""

    name: str
    thing: bool


Categories = Mapping[int | str, Category]


class Table(NamedTuple):
    """One annotation file.

    path: below the root; text: all of it; images, annotations: its records, as they are;
    categories: by id (scalars.identity), None in a file of captions; licenses: license id -> short
    name.
    """

    path: str
    text: str
    images: list[Any]
    annotations: list[Any]
    categories: Categories | None
    licenses: dict[int | str, str]


def table(
    root: Root, path: str, *, thing: bool | None = None, either: bool = False
) -> Table | None:
    """An annotation file, parsed; None if it is not there.

    thing: whether classes that do not say `isthing` can be counted; None for a file of captions,
    which has no classes; either: whether a file without classes may be one of captions. Raises
    SourceError for a file that is not of COCO's form.
    """
    if not root.exists(path):
        return None
    top = _parsed(root, path)
    text = top.pop("", "")
    if either and "categories" not in top and _are_captions(top.get("annotations")):
        thing = None
    lists = {}
    for key in ("images", "annotations") + (() if thing is None else ("categories",)):
        lists[key] = top.pop(key, None)
        if not isinstance(lists[key], list):
            raise SourceError(f"{path}: {key!r} is {type(lists[key]).__name__}, expected a list")
    categories = None if thing is None else _categories(lists["categories"], thing, path)
    licenses = _licenses(top.get("licenses"))
    return Table(path, text, lists["images"], lists["annotations"], categories, licenses)


def _parsed(root: Root, path: str) -> dict[str, Any]:
    """The file's top-level object, with the whole text under "". Raises SourceError."""
    try:
        with no_collections():
            text = json_text.decode(records.source_bytes(root, path, "COCO annotations"))
            top = json_text.parse(text, "annotations", KEPT, wrong_mask)
    except (ValueError, RecursionError) as err:
        raise SourceError(f"{path}: not readable as JSON: {err}") from err
    if not isinstance(top, dict):
        raise SourceError(f"{path}: a JSON {type(top).__name__}, expected an object")
    return top | {"": text}


def _are_captions(annotations: Any) -> bool:
    return isinstance(annotations, list) and all(
        isinstance(each, dict) and "caption" in each for each in annotations
    )


def texts(annotations: Iterable[dict[str, Any]], text: str) -> bytes:
    """A JSON list of annotations as they stand in their file, with all keys. text: the file's."""
    items = ",".join(text[slice(*annotation[json_text.PLACE])] for annotation in annotations)
    return f"[{items}]".encode("utf-8", "surrogatepass")


def whole(annotation: dict[str, Any], text: str) -> dict[str, Any]:
    """An annotation with all of its keys. text: the whole file's."""
    full: dict[str, Any] = records.unpack(texts([annotation], text))[0]
    return full


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
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


def _categories(listed: list[Any], thing: bool, path: str) -> Categories:
    """The classes by id.

    Names are single lines of characters that can be seen. Raises SourceError for a class without a
    name or an id of its own, and for two names that differ in upper and lower case alone: in a
    prompt they are one class, in the targets they would be two.
    """
    categories: dict[int | str, Category] = {}
    spelled: dict[str, str] = {}
    for entry in listed:
        entry = entry if isinstance(entry, dict) else {}
        id_, name = scalars.identity(entry.get("id")), entry.get("name")
        name = seen(name) if records.text(name) else ""
        if id_ is None or not name or id_ in categories:
            raise SourceError(f"{path}: category {entry!r:.200}: expected its own id, and a name")
        if (first := spelled.setdefault(name.casefold(), name)) != name:
            raise SourceError(
                f"{path}: categories {first!r} and {name!r} differ in case alone: give one class "
                "one name, two classes two"
            )
        categories[id_] = Category(name, bool(entry.get("isthing", thing)))
    return categories


def _licenses(listed: Any) -> dict[int | str, str]:
    """License id -> short name; records that are not of COCO's form are left out."""
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    named = ((scalars.identity(e.get("id")), _short(e)) for e in entries)
    return {id_: name for id_, name in named if id_ is not None}


def _short(license_: dict[str, Any]) -> str:
    """A licence's short name, such as CC-BY-2.0, or its own name if it is not Creative Commons."""
    if commons := COMMONS.match(str(license_.get("url"))):
        return f"CC-{commons[1].upper()}-{commons[2]}"
    name = license_.get("name")
    return name if name and records.text(name) else "unknown"
