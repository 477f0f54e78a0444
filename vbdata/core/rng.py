"""Counter-based random numbers keyed by names: BLAKE2b of (names, counter), nothing else.

The same names give the same numbers in any process, order, version or machine. Position, worker
and time are no names.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_WORDS = 8  # 64-bit words in one BLAKE2b block
_U64 = 1 << 64


def key_of(*names: str | int) -> bytes:
    """32 bytes that stand for a sequence of names; no two sequences share their encoding."""
    digest = hashlib.blake2b(digest_size=32)
    for name in names:
        raw = f"{type(name).__name__}:{name}".encode()
        digest.update(struct.pack("<Q", len(raw)) + raw)
    return digest.digest()


def word_of(*names: str | int) -> int:
    """The first 64 bits of `key_of`, as an unsigned integer."""
    return int.from_bytes(key_of(*names)[:8], "little")


class Stream:
    """An endless stream of random numbers that belongs to its names."""

    __slots__ = ("_counter", "_key", "_words")

    def __init__(self, *names: str | int) -> None:
        self._key = key_of(*names)
        self._counter = 0
        self._words: list[int] = []

    def word(self) -> int:
        """64 random bits."""
        if not self._words:
            block = hashlib.blake2b(struct.pack("<Q", self._counter), key=self._key).digest()
            self._words = list(struct.unpack(f"<{_WORDS}Q", block))
            self._counter += 1
        return self._words.pop(0)

    def integer(self, n: int) -> int:
        """Uniform over 0 .. n-1, without modulo bias."""
        if not 0 < n <= _U64:
            raise ValueError(f"integer(n) needs 1 <= n <= 2**64, got {n}")
        limit = _U64 - _U64 % n
        while (word := self.word()) >= limit:
            pass
        return word % n

    def uniform(self, a: float = 0.0, b: float = 1.0) -> float:
        """Uniform over [a, b), 53 bits."""
        return a + (b - a) * ((self.word() >> 11) * 2.0**-53)

    def choice(self, items: Sequence[T]) -> T:
        """One item, all equally likely."""
        return items[self.integer(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A random permutation of the items (Fisher-Yates)."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.integer(i + 1)
            out[i], out[j] = out[j], out[i]
        return out


def mix64(words: NDArray[np.uint64], key: int) -> NDArray[np.uint64]:
    """Hash many 64-bit words under one key: two rounds of SplitMix64's finaliser (Stafford 13)."""
    x = words ^ np.uint64(key)
    for _ in range(2):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x
