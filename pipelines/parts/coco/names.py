"""Names of the pictures of COCO-format records, and whose pictures they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vbdata.errors import BadSample

from .. import records
from . import scalars
from .pictures import garbled

# The servers of COCO, and that of the miniature data, which stand for it.
SERVERS = re.compile(r"https?://(?:[\w.-]+\.)?(?:cocodataset\.org|mscoco\.org|demo\.invalid)/")
ON_SERVER = re.compile(r"(?:.*/)?(?:COCO_[a-z]+\d{4}_)?(\d{1,12})(?:\.jpg)?")
OF_2014 = re.compile(r"(?:.*/)?COCO_(?:train|val|test)(?:2014|2015)_(\d{12})\.jpg")
ROBOFLOW = re.compile(r"\.rf\.[0-9A-Za-z]+$")  # copies of one picture have a hash of their own


def file_name(image: Mapping[str, Any]) -> str:
    """The name of an image record's file: its file_name, else the path of its coco_url.

    Raises BadSample("garbled annotation").
    """
    name, url = image.get("file_name"), image.get("coco_url")
    if name is None and records.text(url) and "://" in url:
        name = url
    if not records.text(name) or not name.strip():
        raise garbled(f"file_name is {image.get('file_name')!r:.40}, expected text")
    if "\0" in name:
        raise BadSample("unsafe path", f"{name!r:.200} has a NUL in it")
    return name


def coco_group(image: Mapping[str, Any], *, ids: bool) -> str:
    """The group of a picture that is COCO's own, "" for any other.

    It is COCO's if its coco_url is on COCO's servers, or its file is named as COCO named those of
    2014. ids: whether all ids are COCO's, whatever the records say.
    """
    number = scalars.whole(image.get("id")) if ids else None
    url, name = image.get("coco_url"), image.get("file_name")
    if number is None and isinstance(url, str) and (server := SERVERS.match(url)):
        found = ON_SERVER.fullmatch(url, server.end())
        number = int(found[1]) if found else None
    if number is None and isinstance(name, str) and (found := OF_2014.fullmatch(name)):
        number = int(found[1])
    return "" if number is None else f"coco:{number:012d}"


def own_group(path: str) -> str:
    """The identity of a picture of one's own inside its source: its path without the type.

    The copies that Roboflow makes of a picture have that of the picture. A name of digits alone
    keeps its type: in a source that is called coco it would else be the group of a COCO picture.
    """
    if path.rpartition(".")[0].isdigit():
        return path
    return ROBOFLOW.sub("", path.rpartition(".")[0] or path)
