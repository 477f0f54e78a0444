"""Runs of plain annotations, read from the text of a file by compiled loops.

The loops take less than decoded.py: valid JSON in ASCII, of the commonest form alone.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.images import MAX_PIXELS

from .rows import CaptionRows, Ints, MaskRows

ROOM = 1 << 16  # annotations of one call
SPACE = 1 << 23  # bytes of the texts of one call
MASK = (*[np.int64] * 3, np.float64, *[np.bool_] * 2, *[np.int64] * 2)


class Scanner:
    """Reads runs of plain annotations. library: the compiled functions.

    Both ways to read are given bytes and the place of an item of a list in them. They return what
    they took from there on, the place of the next item, or of what is after the list's end, and
    whether that is so.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._columns: list[NDArray[Any]] = [np.empty(ROOM, type_) for type_ in MASK]
        self._bounds = np.empty(ROOM + 1, np.int64)
        self._texts = np.empty(SPACE, np.uint8)
        self._after = np.empty(2, np.int64)

    def masks(self, text: bytes, place: int) -> tuple[MaskRows, int, bool]:
        """Masks, as many as there is room for."""
        count = self._read(self._library.vb_masks, text, place, MAX_PIXELS, ROOM, *self._columns)
        return MaskRows(*(column[:count].copy() for column in self._columns)), *self._next()

    def captions(self, text: bytes, place: int) -> tuple[CaptionRows, int, bool]:
        """Captions, as many as there is room for."""
        image, start, *_, escaped = self._columns[:5]
        columns = (image, start, escaped, self._bounds, self._texts)
        count = self._read(self._library.vb_captions, text, place, ROOM, SPACE, *columns)
        bounds = self._bounds[: count + 1].copy()
        texts = self._texts[: bounds[-1]].tobytes()
        if escaped[:count].any():
            bounds, texts = _plain(bounds, texts, escaped[:count])
        return CaptionRows(image[:count].copy(), start[:count].copy(), bounds, texts), *self._next()

    def _read(self, loop: Any, text: bytes, place: int, *given: Any) -> int:
        """How many a loop has taken. given: its limits, and the arrays that get what it takes."""
        data = np.frombuffer(text, np.uint8)
        plain = (compiled.address(each) if isinstance(each, np.ndarray) else each for each in given)
        after = compiled.address(self._after)
        return int(loop(compiled.address(data), len(data), place, *plain, after))

    def _next(self) -> tuple[int, bool]:
        after, ended = self._after.tolist()
        return after, bool(ended)


def _plain(bounds: Ints, texts: bytes, escaped: NDArray[np.bool_]) -> tuple[Ints, bytes]:
    """Texts some of which are written with escapes, without these."""
    parts = [texts[start:end] for start, end in pairwise(bounds.tolist())]
    for place in np.flatnonzero(escaped).tolist():
        parts[place] = json.loads(b'"%b"' % parts[place]).encode()
    return np.cumsum([0, *map(len, parts)]), b"".join(parts)
