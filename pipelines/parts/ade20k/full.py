"""The maps of ADE20K's full set: codes of objects, or of parts, and what they are called.

A pixel's class is R // 10 x 256 + G, which the JSON calls name_ndx; B tells the instances of an
image apart, spread over 1 to 255. 0 is void. Maps of parts are coded in the same way, a map for
each level: of parts, of parts of parts.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.texts import seen
from vbdata.core.types import Entry
from vbdata.errors import BadSample

from .. import maps, records
from ..coded_segments import Kind
from .classes import COUNTED

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LARGEST = 26 * 256  # classes that R and G can tell apart
MOST = 255  # objects of an image that B can tell apart

Codes = NDArray[np.uint32]


def named(root: Root, entry: Entry, level: int) -> tuple[list[Kind], bool]:
    """The classes of an image's objects, or of its parts of a level, by code; all others are void.

    And whether its instances can be told apart. Raises BadSample("garbled annotation").
    """
    path = entry.files["notes"].path
    kinds = [Kind("", False)] * LARGEST
    listed = [each for each in _objects(root, entry, path) if _level(each, path) == level]
    for each in listed:
        code, name = each.get("name_ndx"), each.get("name")
        if not records.whole(code) or code >= LARGEST or not records.text(name):
            raise BadSample("garbled annotation", f"an object is {name!r:.40}, {code!r:.20}", path)
        first = seen(name.split(",")[0])
        kinds[code] = Kind(first, level == 0 and first in COUNTED)
    kinds[0] = Kind("", False)
    return kinds, len(listed) <= MOST


def codes(root: Root, entry: Entry, *, apart: bool) -> Codes:
    """uint32[H, W]: 256 x class + instance number. apart: whether instances are told apart.

    Raises BadSample.
    """
    colours = maps.colours(root, entry, "map")
    red, green, blue = colours & 255, (colours >> 8) & 255, colours >> 16
    kind = (red // 10) * 256 + green
    return np.asarray(kind << 8 | (blue if apart else 0), np.uint32)


def unnamed(found: Codes, kinds: list[Kind]) -> list[int]:
    """The classes of a map that no object of its JSON has, ascending."""
    there = np.flatnonzero(np.bincount(found.ravel() >> 8)).tolist()
    return [code for code in there if code and not kinds[code].name]


def _objects(root: Root, entry: Entry, path: str) -> list[Any]:
    """The objects that a JSON lists; it is UTF-8, and some are cp1252."""
    data = records.read(root, entry, "notes")
    try:
        value = records.unpack(data)
    except (ValueError, RecursionError):
        try:
            value = json.loads(data.decode("cp1252"))
        except (ValueError, RecursionError) as err:
            raise BadSample("garbled annotation", f"no JSON: {err!s:.100}", path) from err
    about = value.get("annotation") if isinstance(value, dict) else None
    listed = about.get("object") if isinstance(about, dict) else None
    if not isinstance(listed, list):
        raise BadSample("garbled annotation", "no annotation.object, a list", path)
    return listed


def _level(each: Any, path: str) -> int:
    """Of what level an object is: 0, or that of its part. The level may be a text."""
    parts = each.get("parts") if isinstance(each, dict) else None
    level = parts.get("part_level") if isinstance(parts, dict) else None
    if not str(level).isascii() or not str(level).isdigit() or len(str(level)) > 1:
        raise BadSample("garbled annotation", f"an object has the part_level {level!r:.20}", path)
    return int(str(level))
