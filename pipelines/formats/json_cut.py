"""A long list of objects in a JSON text, cut into pieces, most of which msgspec decodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .byte_texts import Text
from .json_values import DECODER, NEXT, SPACE, NotPlain, next_sign, readable, value_at

PIECE = 4 << 20  # bytes that are decoded at once
SMALL = 1 << 16  # bytes, where some of them are odd
FEW = 1 << 12  # bytes, where nearly all are read otherwise
FIRST_KEY = re.compile(rb"\{" + SPACE + rb'("[^"\\\x00-\x1f]*")')
BETWEEN = re.compile(rb"\}" + SPACE + rb"," + SPACE + rb"(?=\{)")
NEXT_IN_TEXT = re.compile(NEXT.pattern.decode())
IS_SPACE = np.isin(np.arange(256), [*b" \t\n\r"])


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


class Cut:
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

    def narrow(self, read: int) -> None:
        """Make the next piece small, as some items are read otherwise. read: bytes of those."""
        self._size = FEW if read > 8 * FEW else SMALL

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
            readable(window, ended=True)
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
        text = readable(window, position + len(window) >= self.text.size)
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
            value, after = value_at(self.text, position)
            _add(piece, value, position, after)
            last, position = next_sign(self.text, after)
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
