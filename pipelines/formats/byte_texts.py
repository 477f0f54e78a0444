"""Texts of which any part can be had as UTF-8, in memory or on a disk."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Text(Protocol):
    """A text of which any part can be had, as UTF-8."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one position to another, fewer at the end of the text."""

    def parts(self, places: Iterable[tuple[int, int]]) -> list[bytes]:
        """What `read` returns of several places."""


class Held:
    """A text in memory. data: all of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def read(self, start: int, end: int) -> bytes:
        """A part of the text."""
        return self.data[start:end]

    def parts(self, places: Iterable[tuple[int, int]]) -> list[bytes]:
        """Several parts of the text."""
        data = self.data
        return [data[start:end] for start, end in places]


class OnDisk:
    """A text in a file of this machine's disk, which stays open: its name may go."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self.size = os.fstat(self._file).st_size

    def read(self, start: int, end: int) -> bytes:
        """A part of the text. Raises OSError."""
        data = os.pread(self._file, end - start, start)
        while data and len(data) < min(end, self.size) - start:
            data += os.pread(self._file, end - start - len(data), start + len(data))
        return data

    def parts(self, places: Iterable[tuple[int, int]]) -> list[bytes]:
        """Several parts of the text. Raises OSError."""
        return [self.read(start, end) for start, end in places]


def together(text: Text, starts: Ints, ends: Ints) -> tuple[bytes, Ints, Ints]:
    """Bytes that hold several parts of a text, and where each begins and ends in them.

    Of a text in memory these are its own, uncopied. starts, ends: of the parts. Raises OSError.
    """
    if isinstance(text, Held):
        return text.data, starts, ends
    parts = text.parts(zip(starts.tolist(), ends.tolist(), strict=True))
    bounds = np.cumsum([0, *map(len, parts)])
    return b"".join(parts), bounds[:-1], bounds[1:]


def window(text: Text, start: int, size: int) -> tuple[bytes, int]:
    """Bytes of a text with those from a position on, and where they begin: all that are held.

    size: how many from that position on are read if they are not held. Raises OSError.
    """
    if isinstance(text, Held):
        return text.data, 0
    return text.read(start, start + size), start
