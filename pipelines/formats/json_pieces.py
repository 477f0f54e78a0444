"""JSON files with long lists of objects, read in pieces by msgspec, one decoded at a time.

msgspec refuses all that json.loads refuses, but for bytes that are not UTF-8 in what it skips, and
these are looked for. What it cannot read though it is JSON (NaN, halves of surrogate pairs, numbers
beyond all floats) is read by Python's json, object by object. A file whose outline is not plain
(keys that come twice, another encoding) raises `NotPlain`, and json_text reads it as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .byte_texts import Text, window

PIECE = 4 << 20  # bytes that are decoded at once
SMALL = 1 << 16  # bytes, where some of them are odd
LARGEST = 1 << 28  # bytes of a value that is not in a list, and of an object in one
SPACE = rb"[ \t\n\r]*"
KEY = re.compile(SPACE + rb'"([^"\\\x00-\x1f\x80-\xff]*)"' + SPACE + rb":" + SPACE)
FIRST_KEY = re.compile(rb"\{" + SPACE + rb'("[^"\\\x00-\x1f]*")')
BETWEEN = re.compile(rb"\}" + SPACE + rb"," + SPACE + rb"(?=\{)")
BLANK = re.compile(SPACE)
NEXT = re.compile(SPACE + rb"([],}])" + SPACE)
NEXT_IN_TEXT = re.compile(NEXT.pattern.decode())
DECODER = json.JSONDecoder()
IS_SPACE = np.isin(np.arange(256), [*b" \t\n\r"])


class NotPlain(ValueError):
    """A JSON text that is to be read as a whole, or is none."""


class Piece(NamedTuple):
    """Some items of a list.

    items: decoded by msgspec, or values of Python's json; plain: whether by msgspec; starts, ends:
    where each stands in the text; text: a part of it with all of them, if they are plain.
    """

    items: list[Any]
    plain: bool
    starts: list[int]
    ends: list[int]
    text: bytes = b""


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
            top[name], position = _value(text, position)
        sign, position = _next(text, position)
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


def _next(text: Text, position: int) -> tuple[bytes, int]:
    """The sign after a value, and the position after it and white space."""
    found = NEXT.match(text.read(position, position + 4096))
    if found is None:
        raise NotPlain
    return found[1], position + found.end()


def _value(text: Text, position: int) -> tuple[Any, int]:
    """The value of Python's json that begins at a position, and where it ends."""
    room = 1 << 16
    while room <= LARGEST:
        window = text.read(position, position + room)
        ended = position + len(window) >= text.size
        readable = _readable(window, ended)
        try:
            value, end = DECODER.raw_decode(readable)
        except (ValueError, RecursionError) as err:
            if ended:
                raise NotPlain from err
        else:
            if end < len(readable):  # else a number may go on
                return value, position + len(readable[:end].encode())
        room *= 8
    raise NotPlain


def _readable(window: bytes, ended: bool) -> str:
    """A window as text, without a character that its end cuts."""
    try:
        return window.decode()
    except UnicodeDecodeError as err:
        if ended or err.start < len(window) - 4:
            raise NotPlain from err
        return window[: err.start].decode()


def _list(text: Text, position: int, items: Items) -> int:
    """Give the items of a list to `items.take`; returns where the list ends."""
    position += _blank(text, position)
    if text.read(position, position + 1) == b"]":
        return position + 1
    cut = _Cut(text, position, items.of)
    while True:
        if items.scan:
            scanned, cut.ended = _scanned(text, position, items.scan)
            if cut.ended:
                return scanned
            if scanned > position:
                cut.narrow()
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


def _blank(text: Text, position: int) -> int:
    """The length of the white space at a position."""
    found = BLANK.match(text.read(position, position + 4096))
    assert found is not None  # the pattern matches the empty text, too
    return found.end()


class _Cut:
    """Cuts a list into its items.

    A guess is proved by decoding: from the beginning of an item on, what is a list of N items up to
    some place ends there. And between objects there is always }, { of some spacing: as many of
    these as there are objects are the places between them, else some stand in texts or in inner
    lists; then each object is decoded alone, up to where one with the same first key begins.
    """

    def __init__(self, text: Text, position: int, of: Any) -> None:
        self.text, self.ended, self._flat = text, False, True
        self._size, self._run = PIECE, 1  # bytes of the next piece, items that are read with care
        self._many, self._one = msgspec.json.Decoder(list[of]), msgspec.json.Decoder(of)
        first = FIRST_KEY.match(text.read(position, position + 4096))
        same = re.escape(first[1]) if first else rb"(?!)"
        self._keyed = re.compile(BETWEEN.pattern[:-1] + SPACE + same + rb")")

    def narrow(self) -> None:
        """Make the next piece small: most items are read otherwise."""
        self._size = SMALL

    def plain(self, position: int) -> tuple[Piece | None, int]:
        """The next items, and where those after them begin; None if they are to be read with care.

        Raises NotPlain for bytes that are not UTF-8.
        """
        window = self.text.read(position, position + self._size)
        found = _between(window) if self._flat else None
        ends, nexts = found or _matches(BETWEEN if self._flat else self._keyed, window)
        window = window[: ends[-1]] if ends else b""
        items = self._decoded(window, [0, *nexts[:-1]], ends) if ends else []
        if items is None:
            self._flat = False
            return self.plain(position)
        count = len(items)
        if count < len(ends):
            self._size = max(self._size // 2, SMALL)
        else:
            self._size = min(self._size * 2, PIECE)
        if not count:
            return None, position
        self._run = 1
        starts = [position, *(position + start for start in nexts[: count - 1])]
        after = [position + end for end in ends[:count]]
        return Piece(items, True, starts, after, window), position + nexts[count - 1]

    def _decoded(
        self, window: bytes, starts: Sequence[int], ends: Sequence[int]
    ) -> list[Any] | None:
        """The items of a window, or, if decoded one by one, those before the first that is odd.

        None if they have to be decoded one by one. Raises NotPlain for what is not UTF-8.
        """
        if not window.isascii():
            _readable(window, ended=True)
        items: list[Any] = []
        try:
            if self._flat:
                items = self._many.decode(b"[" + window + b"]")
                return items if len(items) == len(ends) else None
            for start, end in zip(starts, ends, strict=True):
                items.append(self._one.decode(memoryview(window)[start:end]))
        except (msgspec.DecodeError, RecursionError):
            return None if self._flat else items
        return items

    def careful(self, position: int) -> tuple[Piece, int]:
        """Some items by Python's json, more each time, and where those after them begin.

        Raises NotPlain for what is no JSON.
        """
        window = self.text.read(position, position + min(self._run * SMALL, PIECE))
        text = _readable(window, position + len(window) >= self.text.size)
        piece, place = Piece([], False, [], []), 0
        while len(piece.items) < self._run:
            try:
                value, end = DECODER.raw_decode(text, place)
                sign = NEXT_IN_TEXT.match(text, end)
            except (ValueError, RecursionError):
                sign = None
            if sign is None or sign.end() == len(text):  # it may go on in the next window
                break
            after = position + len(text[place:end].encode())
            _add(piece, value, position, after)
            position, place = after + sign.end() - end, sign.end()
            if self._ends(sign[1]):
                return piece, position
        if not piece.items:
            value, after = _value(self.text, position)
            _add(piece, value, position, after)
            last, position = _next(self.text, after)
            self._ends(last.decode())
        self._run *= 2
        return piece, position

    def _ends(self, sign: str) -> bool:
        """Whether a sign ends the list. Raises NotPlain for one that cannot be there."""
        if sign == "}":
            raise NotPlain
        self.ended = sign == "]"
        return self.ended


def _matches(pattern: re.Pattern[bytes], window: bytes) -> tuple[list[int], list[int]]:
    """Where items end, and where the next ones begin, by a pattern like BETWEEN."""
    found = [*pattern.finditer(window)]
    return [each.start() + 1 for each in found], [each.end() for each in found]


def _between(window: bytes) -> tuple[list[int], list[int]] | None:
    """What `_matches` finds of BETWEEN, sooner; None if there is more white space than a space."""
    text = np.frombuffer(window, np.uint8)
    opens = np.flatnonzero(text == ord("{"))
    opens = opens[np.searchsorted(opens, 3) :]
    first, second, third = (text[opens - back] for back in (1, 2, 3))
    blank, comma = IS_SPACE[first], second == ord(",")
    wide = (IS_SPACE[second] & (blank | (first == ord(",")))) | (blank & comma & IS_SPACE[third])
    if wide.any() or b"{" in window[1:3]:
        return None
    tight = (first == ord(",")) & (second == ord("}"))
    spaced = blank & comma & (third == ord("}"))
    nexts = opens[tight | spaced]
    return (nexts - np.where(tight, 1, 2)[tight | spaced]).tolist(), nexts.tolist()


def _add(piece: Piece, value: Any, start: int, end: int) -> None:
    piece.items.append(value)
    piece.starts.append(start)
    piece.ends.append(end)
