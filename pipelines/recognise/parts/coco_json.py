"""What a COCO-format file holds, by its first and last bytes, or by all of it if it is small."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vbdata.sources.glimpse import Glimpse

from ...parts.coco.files import HEAD, KEYS

SMALL = 24 << 20  # bytes of a file that is read as a whole
ENDS = 1 << 20  # bytes of a larger one that are read at either end
MOST_ALIKE = 24  # JSON files of one folder that are looked into
MASK = re.compile(rb'"segmentation"\s*:\s*(?:\[\s*[\[\d"]|\{)')
ANNOTATION = re.compile(rb'"(?:annotations|segments_info|category_id|caption)"\s*:')


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A COCO-format file.

    names: the pictures that it names, None where it is too large to be read; masks, panoptic,
    captions: whether it has any; federated: whether it is of LVIS' kind; objects: whether any of
    its annotations is no crowd, as far as that was seen.
    """

    path: str
    names: frozenset[str] | None
    masks: bool
    panoptic: bool
    captions: bool
    federated: bool
    objects: bool


def files(glimpse: Glimpse) -> Iterator[File]:
    """The COCO-format files of a glimpse."""
    looked = dict[str, int]()
    for path in glimpse.paths:
        folder = path.rpartition("/")[0]
        if not path.lower().endswith(".json") or looked.get(folder, 0) >= MOST_ALIKE:
            continue
        looked[folder] = looked.get(folder, 0) + 1
        if KEYS.match(glimpse.head(path, HEAD)) and (found := _file(glimpse, path)):
            yield found


def _file(glimpse: Glimpse, path: str) -> File | None:
    """What a file holds; None if it is not of COCO's form after all."""
    size, names, objects = glimpse.size(path), None, True
    if size <= SMALL:
        data = glimpse.head(path, SMALL)
        try:
            value = json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or not isinstance(value.get("images"), list):
            return None
        names = frozenset(filter(None, map(_name, value["images"])))
        marked = [each for each in value.get("annotations") or () if isinstance(each, dict)]
        objects = not marked or any(each.get("iscrowd") in (0, None, "0") for each in marked)
    else:
        data = glimpse.head(path, ENDS) + glimpse.tail(path, ENDS)
    if not ANNOTATION.search(data):
        return None
    return File(
        path=path,
        names=names,
        masks=bool(MASK.search(data)),
        panoptic=b'"segments_info"' in data,
        captions=b'"caption"' in data,
        federated=b'"neg_category_ids"' in data,
        objects=objects,
    )


def _name(image: Any) -> str:
    """The file's own name of an image record, "" if it has none."""
    if not isinstance(image, dict):
        return ""
    value = image.get("file_name") or image.get("coco_url") or ""
    return re.split(r"[/\\]", value)[-1] if isinstance(value, str) else ""
