"""Runs of plain annotations, read from the text of a file by compiled loops.

The loops take less than `annotations` calls plain: valid JSON in ASCII, with whole numbers as ids.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.images import MAX_PIXELS

ROOM = 1 << 16  # annotations of one call
Ints = NDArray[np.int64]


class Masks(NamedTuple):
    """Plain masks, a row each. start, end: where they stand in the text that was read."""

    id: Ints
    image: Ints
    kind: Ints
    area: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    start: Ints
    end: Ints


class Captions(NamedTuple):
    """Plain captions, a row each.

    start: where they stand in the text that was read; first, last: where what is between the quotes
    begins and ends; escaped: whether it has escapes.
    """

    image: Ints
    start: Ints
    first: Ints
    last: Ints
    escaped: NDArray[np.bool_]


MASK = (*[np.int64] * 3, np.float64, *[np.bool_] * 2, *[np.int64] * 2)
CAPTION = (*[np.int64] * 4, np.bool_)


class Found(NamedTuple):
    """What a loop took. after: the place of the next item, or of what is after the list's end."""

    rows: Any
    after: int
    ended: bool


class Scanner:
    """Reads runs of plain annotations. library: the compiled functions."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._masks = [np.empty(ROOM, type_) for type_ in MASK]
        self._captions = [np.empty(ROOM, type_) for type_ in CAPTION]
        self._after = np.zeros(2, np.int64)

    def masks(self, text: bytes, start: int) -> Found:
        """Masks, from an item of a list on, as many as there is room for."""
        return self._found(self._library.vb_masks, text, start, Masks, self._masks, MAX_PIXELS)

    def captions(self, text: bytes, start: int) -> Found:
        """Captions, from an item of a list on, as many as there is room for."""
        return self._found(self._library.vb_captions, text, start, Captions, self._captions)

    def _found(self, loop: Any, text: bytes, start: int, of: Any, room: Any, *more: Any) -> Found:
        data = np.frombuffer(text, np.uint8)
        places = [*map(compiled.address, (*room, self._after))]
        count = loop(compiled.address(data), len(data), start, *more, ROOM, *places)
        after, ended = self._after.tolist()
        return Found(of(*(column[:count].copy() for column in room)), after, bool(ended))
