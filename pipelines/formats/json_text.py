"""JSON files that are too large as objects: of the items of one long list only some keys are kept.

Most of COCO's annotation files are corners of polygons, which an index hands on unread. As lists of
floats they take five times the memory of their text, and writing them out again takes longer than
reading them. So each object of the list is parsed once, and of it only the keys that are asked for
are kept, and where it stands in the text.

Whatever json.loads accepts is accepted and has the same value, and what it refuses is refused: NaN
and Infinity, keys that come twice (the last counts), Unicode in any of its encodings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

PLACE = ""  # the key under which an object's (start, end) in the text is kept
NOTE = " "  # the key under which what was noted of a whole object is kept
SPACE = re.compile(r"[ \t\n\r]*")
COMMA = re.compile(r"[ \t\n\r]*(,?)[ \t\n\r]*")
DECODER = json.JSONDecoder()


def decode(data: bytes) -> str:
    """The text of a JSON file in any encoding of Unicode. Raises ValueError."""
    return data.decode(json.detect_encoding(data), "surrogatepass")


def parse(
    text: str,
    long: str,
    kept: Collection[str],
    note: Callable[[dict[str, Any]], str] | None = None,
) -> Any:
    """The value of a JSON text, the objects in the list `long` of its top-level object cut down.

    Of their keys they have those in `kept`, and PLACE: the (start, end) of their text. note: asked
    once of each object before it is cut down; an answer other than "" is kept as NOTE. Raises
    json.JSONDecodeError, which is a ValueError, and RecursionError.
    """
    position = _skip(text, 0)
    if not text.startswith("{", position):
        return json.loads(text)
    top: dict[str, Any] = {}
    position = _skip(text, position + 1)
    more = not text.startswith("}", position)
    while more:
        name, position = _name(text, position)
        if name == long and text.startswith("[", position):
            top[name], position = _cut_down(text, position, kept, note)
        else:
            top[name], position = DECODER.raw_decode(text, position)
        more, position = _comma(text, position)
    position = _skip(text, _past("}", text, position))
    if position != len(text):
        raise json.JSONDecodeError("Extra data", text, position)
    return top


def _cut_down(
    text: str,
    position: int,
    kept: Collection[str],
    note: Callable[[dict[str, Any]], str] | None,
) -> tuple[list[Any], int]:
    """The list that begins at a position, its objects cut down, and where it ends."""
    values: list[Any] = []
    position = _skip(text, position + 1)
    more = not text.startswith("]", position)
    while more:
        value, end = DECODER.raw_decode(text, position)
        if type(value) is dict:
            noted = note(value) if note else ""
            value = {name: value[name] for name in kept if name in value}
            value[PLACE] = (position, end)
            if noted:
                value[NOTE] = noted
        values.append(value)
        more, position = _comma(text, end)
    return values, _past("]", text, position)


def _name(text: str, position: int) -> tuple[str, int]:
    """The key that begins at a position, and where its value begins."""
    _past('"', text, position)
    name, position = DECODER.raw_decode(text, position)
    return name, _skip(text, _past(":", text, _skip(text, position)))


def _comma(text: str, position: int) -> tuple[bool, int]:
    """Whether a comma is next, and the position after it and white space."""
    comma = COMMA.match(text, position)
    assert comma is not None  # the pattern matches the empty text, too
    return bool(comma[1]), comma.end()


def _past(sign: str, text: str, position: int) -> int:
    """The position after a sign. Raises json.JSONDecodeError if it is not there."""
    if not text.startswith(sign, position):
        raise json.JSONDecodeError(f"Expecting {sign!r}", text, position)
    return position + 1


def _skip(text: str, position: int) -> int:
    """The position after white space."""
    space = SPACE.match(text, position)
    assert space is not None  # the pattern matches the empty text, too
    return space.end()
