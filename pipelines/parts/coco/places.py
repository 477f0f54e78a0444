r"""Where the pictures of COCO-format records lie, and whose pictures they are.

Tools write `file_name` in many ways: with \ of Windows, with ./ or ../, with a folder that only
their machine has, without the sub-folder. A name is taken for a file only where it cannot mean
another one: a folder that is dropped from it must not exist here, a sub-folder that is added must
be the only one with such a file.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

from vbdata.errors import BadSample
from vbdata.storage.folder import safe

from .. import records
from . import scalars
from .pictures import garbled

# The servers of COCO, and that of the miniature data, which stand for it.
SERVERS = re.compile(r"https?://(?:[\w.-]+\.)?(?:cocodataset\.org|mscoco\.org|demo\.invalid)/")
ON_SERVER = re.compile(r"(?:.*/)?(?:COCO_[a-z]+\d{4}_)?(\d{1,12})(?:\.jpg)?")
OF_2014 = re.compile(r"(?:.*/)?COCO_(?:train|val|test)(?:2014|2015)_(\d{12})\.jpg")
ROBOFLOW = re.compile(r"\.rf\.[0-9A-Za-z]+$")  # copies of one picture have a hash of their own
LOCAL_FILES = "?d="  # Label Studio: /data/local-files/?d=a/b.jpg


class Places:
    """The files that records may name.

    sizes: path -> bytes of all of them; folders: in which names are looked up, in this order; the
    first is where a file is expected that is in none.
    """

    def __init__(self, sizes: dict[str, int], folders: Sequence[str]) -> None:
        self.sizes, self.folders = sizes, tuple(dict.fromkeys(folders))

    def path(self, name: str) -> str:
        """The path of a file by a name in a record, where it is or where it should be.

        Raises BadSample: "unsafe path" for a name that leads out and means no file here, "garbled
        annotation" for one that means several.
        """
        for folder in self.folders:  # nearly all are found so
            if (path := _joined(folder, name)) in self.sizes:
                return path
        parts = _plain(name)
        for cut in range(len(parts)):
            tail = "/".join(parts[cut:])
            if path := self._there(tail) or self._only(tail, name):
                return path
            if parts[cut] in self._folder_names:
                break
        return safe(_joined(self.folders[0], name.replace("\\", "/").removeprefix("./")))

    def _there(self, name: str) -> str:
        paths = (posixpath.normpath(_joined(folder, name)) for folder in self.folders)
        return next((path for path in paths if path in self.sizes), "")

    def _only(self, tail: str, name: str) -> str:
        """The only file whose path ends so, "" if there is none. Raises BadSample for several."""
        found = self._by_name.get(tail.rpartition("/")[2], ())
        found = [path for path in found if path.endswith(f"/{tail}")]
        if len(found) > 1:
            raise garbled(f"file_name {name!r} may be {found[0]!r} or {found[1]!r}")
        return found[0] if found else ""

    @cached_property
    def _folder_names(self) -> frozenset[str]:
        return frozenset(part for path in self.sizes for part in path.split("/")[:-1])

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        by_name: dict[str, list[str]] = {}
        for path in self.sizes:
            by_name.setdefault(path.rpartition("/")[2], []).append(path)
        return by_name


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _plain(name: str) -> list[str]:
    """The parts of a name's path, the last .. and all before it left out, of a URL its path."""
    name = name.partition(LOCAL_FILES)[2] or name
    if "://" in name:
        name = unquote(urlsplit(name).path)
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    while ".." in parts:
        parts = parts[parts.index("..") + 1 :]
    return parts or [name]


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
