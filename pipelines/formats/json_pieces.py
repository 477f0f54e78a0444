"""JSON files with long lists of objects, read in pieces by msgspec, one decoded at a time.

msgspec refuses all that json.loads refuses, but for bytes that are not UTF-8 in what it skips, and
these are looked for. What it cannot read though it is JSON (NaN, halves of surrogate pairs, numbers
beyond all floats) is read by Python's json, object by object. A file whose outline is not plain
(keys that come twice, another encoding) raises `NotPlain`, and json_text reads it as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .byte_texts import Text, window
from .json_cut import PIECE, Cut, Piece
from .json_values import SPACE, NotPlain, blank_at, next_sign, value_at

KEY = re.compile(SPACE + rb'"([^"\\\x00-\x1f\x80-\xff]*)"' + SPACE + rb":" + SPACE)

Scan = Callable[[bytes, int, int], tuple[int, bool]]


class Items(NamedTuple):
    """How a list is read.

    of: the msgspec type of an item; take: is given the pieces, in order; scan: may take some items
    before. It is given bytes of the text, where they begin in it, and the position of an item, and
    returns the position of the first item that it has not taken, or of what is after the list's
    end, and whether that is so.
    """

    of: Any
    take: Callable[[Piece], None]
    scan: Scan | None = None


def read(text: Text, lists: Mapping[str, Items]) -> dict[str, Any]:
    """The values of a text's top-level object, but for its lists under some keys.

    lists: what becomes of these, which are empty lists in what is returned; a value under their
    keys that is no list is like any other. Raises NotPlain, perhaps after some pieces, and OSError.
    """
    top: dict[str, Any] = {}
    position = _past(text, 0, rb"\{")
    if text.read(position, position + 1) == b"}":
        return _ended(text, position + 1, top)
    while True:
        key = KEY.match(text.read(position, position + 4096))
        if key is None or (name := key[1].decode("ascii")) in top:
            raise NotPlain
        position += key.end()
        if name in lists and text.read(position, position + 1) == b"[":
            top[name], position = [], _list(text, position + 1, lists[name])
        else:
            top[name], position = value_at(text, position)
        sign, position = next_sign(text, position)
        if sign == b"}":
            return _ended(text, position, top)
        if sign != b",":
            raise NotPlain


def read_list(text: Text, items: Items) -> None:
    """Give the items of a text that is one list to `items.take`.

    Raises NotPlain, perhaps after some pieces, and OSError.
    """
    _ended(text, _list(text, _past(text, 0, rb"\["), items), {})


def _past(text: Text, position: int, sign: bytes) -> int:
    found = re.compile(SPACE + sign + SPACE).match(text.read(position, position + 4096))
    if found is None:
        raise NotPlain
    return position + found.end()


def _ended(text: Text, position: int, top: dict[str, Any]) -> dict[str, Any]:
    """What was read, if nothing but white space follows."""
    rest = text.read(position, position + PIECE)
    if rest.strip(b" \t\n\r") or position + len(rest) < text.size:
        raise NotPlain
    return top


def _list(text: Text, position: int, items: Items) -> int:
    """Give the items of a list to `items.take`; returns where the list ends."""
    position += blank_at(text, position)
    if text.read(position, position + 1) == b"]":
        return position + 1
    cut = Cut(text, position, items.of)
    while True:
        if items.scan:
            scanned, cut.ended = _scanned(text, position, items.scan)
            if cut.ended:
                return scanned
            if scanned > position:
                cut.narrow(scanned - position)
                position = scanned
        piece, position = cut.plain(position)
        if piece is None:
            piece, position = cut.careful(position)
        items.take(piece)
        if cut.ended:
            return position


def _scanned(text: Text, position: int, scan: Scan) -> tuple[int, bool]:
    """Where the first item is that a scan does not take, and whether there is none."""
    while True:
        after, ended = scan(*window(text, position, PIECE), position)
        if ended or after == position:
            return after, ended
        position = after
