"""COCO-format annotation files, parsed: image records, annotations, classes, licences.

A file that is not of that form at all raises SourceError. Image records are decoded in one go
(pipelines/formats/json_lists.py), plain annotations are read by compiled loops (scanned.py), and
all else in pieces (pipelines/formats/json_pieces.py); masks stay text until a sample is loaded.
"""

from __future__ import annotations

import contextlib
import gc
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from vbdata.errors import BadSample, SourceError

from ...formats import json_lists, json_pieces, json_text
from ...formats.byte_texts import Held, OnDisk, Text
from ...formats.json_pieces import Items
from ...formats.json_values import NotPlain
from .. import records
from . import classes, scalars
from .annotations import Annotations
from .classes import Categories, in_order
from .form import wrong_mask
from .noted import KEPT, Noted
from .plain import Masks, labels

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

WHAT = "COCO annotations"
HELD = (
    1 << 29
)  # bytes of a file up to which all of it is held in memory; COCO's have 470 MB at most
MOST_WHOLE = 1 << 31  # bytes of a file that only Python's json reads, in tenfold the memory
COMMONS = re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)")


class Image(TypedDict, total=False):
    """What is read of an image record."""

    id: Any
    file_name: Any
    coco_url: Any
    width: Any
    height: Any
    license: Any
    neg_category_ids: Any
    not_exhaustive_category_ids: Any


@dataclass(frozen=True, slots=True)
class Table:
    """One annotation file.

    path: below the root; text: all of it; images: its records; categories: by id
    (scalars.identity), None in a file of captions; licenses: license id -> short name; masks: the
    plain ones; jointed: the records of its classes that have keypoints.
    """

    path: str
    text: Text
    images: list[Any]
    annotations: Annotations
    categories: Categories | None
    licenses: dict[int | str, str]
    masks: Masks
    jointed: list[Any]


class _Characters:
    """A text whose places count characters, as those of json_text do."""

    def __init__(self, text: str) -> None:
        self._text, self.size = text, len(text)

    def read(self, start: int, end: int) -> bytes:
        """A part of the text as UTF-8."""
        return self._text[start:end].encode("utf-8", "surrogatepass")

    def parts(self, places: Iterable[tuple[int, int]]) -> list[bytes]:
        """Several parts of the text as UTF-8."""
        return [self.read(start, end) for start, end in places]


def table(
    root: Root,
    path: str,
    *,
    thing: bool | None = None,
    either: bool = False,
    spelled: Callable[[str], str] = str,
) -> Table | None:
    """An annotation file, parsed; None if it is not there.

    thing: whether classes that do not say `isthing` can be counted; None for a file of captions,
    which has no classes; either: whether a file without classes may be one of captions; spelled:
    makes of the name of a class in the file the one that prompts say. Raises SourceError for a file
    that is not of COCO's form.
    """
    if not root.exists(path):
        return None
    with no_collections():
        text, top, annotations = _parsed(root, path)
    if either and "categories" not in top and annotations.told:
        thing = None if isinstance(top.get("annotations"), list) else thing
    lists = {}
    for key in ("images", "annotations") + (() if thing is None else ("categories",)):
        lists[key] = top.pop(key, None)
        if not isinstance(lists[key], list):
            raise SourceError(f"{path}: {key!r} is {type(lists[key]).__name__}, expected a list")
    categories = (
        None if thing is None else classes.categories(lists["categories"], thing, path, spelled)
    )
    if categories is None:
        text = Held(b"")  # nothing more is read of it, and it may be large
    with no_collections():
        annotations.settle()
    licenses = _licenses(top.get("licenses"))
    masks = Masks(
        rows=annotations.plain(),
        text=text,
        labels=labels(annotations.classes(), categories or {}),
        classes=in_order(categories or {}),
        together=annotations.in_order,
    )
    listed = lists.get("categories", ())
    jointed = [each for each in listed if isinstance(each, dict) and each.get("keypoints")]
    return Table(path, text, lists["images"], annotations, categories, licenses, masks, jointed)


def _parsed(root: Root, path: str) -> tuple[Text, dict[str, Any], Annotations]:
    """The file's text, its top-level object, and what its annotations are. Raises SourceError."""
    text, annotations, images = _text(root, path), Annotations(), list[Any]()

    def ready() -> Annotations:
        if not annotations.count:
            annotations.expect(images)
        return annotations

    lists = {
        "annotations": Items(
            of=Noted,
            take=lambda piece: ready().take(piece),
            scan=lambda *part: ready().scan(*part),
        ),
        "images": Items(
            of=Image,
            take=lambda piece: images.extend(piece.items),
            scan=json_lists.at_once(Image, images.extend),
        ),
    }
    try:
        top = json_pieces.read(text, lists)
    except NotPlain:
        return _parsed_whole(text, path)
    return text, top | ({"images": images} if images else {}), annotations


def _text(root: Root, path: str) -> Text:
    """The file's text as UTF-8. Raises SourceError."""
    if root.size(path) <= HELD:
        data = records.source_bytes(root, path, WHAT)
        if json.detect_encoding(data) == "utf-8":
            return Held(data)
        try:
            return Held(json_text.decode(data).encode("utf-8", "surrogatepass"))
        except ValueError as err:
            raise _unreadable(path, err) from err
    try:
        with root.local_copy(path) as file:
            return OnDisk(file)
    except BadSample as err:
        raise SourceError(f"{root.url}: {path} ({WHAT}): {err}") from err


def _parsed_whole(text: Text, path: str) -> tuple[Text, dict[str, Any], Annotations]:
    """What `_parsed` returns, of whatever Python's json reads. Raises SourceError."""
    if text.size > MOST_WHOLE:
        raise _unreadable(path, ValueError(f"{text.size} bytes, and not of COCO's plain form"))
    try:
        whole = json_text.decode(text.read(0, text.size))
        top = json_text.parse(whole, "annotations", KEPT, wrong_mask)
    except (ValueError, RecursionError) as err:
        raise _unreadable(path, err) from err
    if not isinstance(top, dict):
        raise SourceError(f"{path}: a JSON {type(top).__name__}, expected an object")
    annotations, listed = Annotations(), top.get("annotations")
    for each in listed if isinstance(listed, list) else ():
        annotations.keep(each)
    return _Characters(whole), top, annotations


def _unreadable(path: str, err: Exception) -> SourceError:
    return SourceError(f"{path}: not readable as JSON: {err}")


def texts(places: Iterable[tuple[int, int]], text: Text) -> bytes:
    """A JSON list of annotations as they stand in their file, with all keys.

    places: where they stand; text: the file's.
    """
    return b"[%b]" % b",".join(text.parts(places))


def whole(annotation: dict[str, Any], text: Text) -> dict[str, Any]:
    """An annotation with all of its keys. text: the whole file's."""
    full: dict[str, Any] = records.unpack(texts([annotation[json_text.PLACE]], text))[0]
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
