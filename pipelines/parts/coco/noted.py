"""One annotation of a COCO-format file, as it is decoded, and what is kept of an odd one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ...formats import json_text
from .form import look_plain, wrong_mask

KEPT = (  # of an odd annotation
    *("id", "image_id", "category_id", "iscrowd", "area"),
    *("caption", "segments_info", "file_name"),
)
Odd = dict[str, Any]


class Noted(msgspec.Struct, gc=False):
    """An annotation as it is decoded, with any value of JSON under the keys that are read."""

    id: Any = UNSET
    image_id: Any = UNSET
    category_id: Any = UNSET
    iscrowd: Any = UNSET
    area: Any = UNSET
    caption: Any = UNSET
    segments_info: Any = UNSET
    file_name: Any = UNSET
    segmentation: msgspec.Raw | UnsetType = UNSET
    bbox: msgspec.Raw | UnsetType = UNSET

    def object(self) -> Odd:
        """The annotation as an object, as far as it was decoded, but for its geometry."""
        pairs = ((name, getattr(self, name)) for name in KEPT)
        return {name: value for name, value in pairs if value is not UNSET}

    def geometry(self) -> Odd:
        """Its mask and box, as far as it has them."""
        pairs = (("segmentation", self.segmentation), ("bbox", self.bbox))
        return {n: json.loads(bytes(v)) for n, v in pairs if isinstance(v, msgspec.Raw)}


def is_region(note: Odd) -> bool:
    """Whether an annotation is of a region of its image, and no caption."""
    return "category_id" in note or "caption" not in note


def cut(note: Odd, start: int, end: int, wrong: str) -> Odd:
    """An annotation with the keys of KEPT only, its place, and what is wrong with its mask."""
    kept = {name: note[name] for name in KEPT if name in note} | {json_text.PLACE: (start, end)}
    return kept | {json_text.NOTE: wrong} if wrong else kept


def why_wrong(given: Any, note: Odd) -> str:
    """What form.wrong_mask says of an annotation. note: it as an object."""
    if not isinstance(given, Noted):
        return wrong_mask(note)
    return "" if has_mask(given.segmentation, False) else wrong_mask(note | given.geometry())


def has_mask(shape: msgspec.Raw | UnsetType, short: bool) -> bool:
    """Whether a segmentation surely is a mask that may be drawn. short: see form.look_plain."""
    if shape is UNSET:
        return False
    text = bytes(shape)
    return look_plain(text, short=short) or (text[:1] == b"{" and b":" in text)
