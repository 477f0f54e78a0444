"""JSON files that are too large as objects: of one long list, only what is asked for is kept.

Most of COCO's annotation files are corners of polygons, which an index hands on without a look.
As lists of floats they take five times the memory of their text, and writing them out again takes
longer than reading them. So every object of the list is parsed once and let go of, but for some
keys, and the place at which it stands in the text.

What json.loads reads is read, and what it refuses is refused: NaN and Infinity, keys that come
twice (the last counts), Unicode in any of its encodings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

PLACE = ""  # key of an object's (start, end) in the text
SPACE = re.compile(r"[ \t\n\r]*")
COMMA = re.compile(r"[ \t\n\r]*(,?)[ \t\n\r]*")
DECODER = json.JSONDecoder()


def decode(data: bytes) -> str:
    """A JSON file's text. Raises ValueError."""
    return data.decode(json.detect_encoding(data), "surrogatepass")


def parse(text: str, long: str, kept: Collection[str]) -> Any:
    """A JSON text's value; in the list `long` of its top-level object, objects are cut down.

    They have those keys of `kept` that they had, and PLACE. Raises json.JSONDecodeError (it is a
    ValueError) and RecursionError.
    """
    at = _skip(text, 0)
    if not text.startswith("{", at):
        return json.loads(text)
    top: dict[str, Any] = {}
    at = _skip(text, at + 1)
    more = not text.startswith("}", at)
    while more:
        name, at = _name(text, at)
        if name == long and text.startswith("[", at):
            top[name], at = _cut_down(text, at, kept)
        else:
            top[name], at = DECODER.raw_decode(text, at)
        more, at = _comma(text, at)
    at = _skip(text, _past("}", text, at))
    if at != len(text):
        raise json.JSONDecodeError("Extra data", text, at)
    return top


def _cut_down(text: str, at: int, kept: Collection[str]) -> tuple[list[Any], int]:
    """The list that begins here, its objects cut down, and where it ends."""
    values: list[Any] = []
    at = _skip(text, at + 1)
    more = not text.startswith("]", at)
    while more:
        value, end = DECODER.raw_decode(text, at)
        if type(value) is dict:
            value = {name: value[name] for name in kept if name in value}
            value[PLACE] = (at, end)
        values.append(value)
        more, at = _comma(text, end)
    return values, _past("]", text, at)


def _name(text: str, at: int) -> tuple[str, int]:
    """The key that begins here, and where its value does."""
    _past('"', text, at)
    name, at = DECODER.raw_decode(text, at)
    return name, _skip(text, _past(":", text, _skip(text, at)))


def _comma(text: str, at: int) -> tuple[bool, int]:
    """Whether a comma is next, and where what follows it or the space begins."""
    found = COMMA.match(text, at)
    assert found is not None  # it matches nothing, too
    return bool(found[1]), found.end()


def _past(sign: str, text: str, at: int) -> int:
    if not text.startswith(sign, at):
        raise json.JSONDecodeError(f"Expecting {sign!r}", text, at)
    return at + 1


def _skip(text: str, at: int) -> int:
    """Past white space."""
    found = SPACE.match(text, at)
    assert found is not None  # it matches nothing, too
    return found.end()
