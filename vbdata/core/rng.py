"""Counter-based random numbers keyed by names: BLAKE2b of (names, counter), nothing else.

A generator with hidden state gives numbers by the order of the draws, and that order changes with
the number of workers, after a crash, or when a record is skipped. Here every draw is keyed by what
it is for, such as (seed, source, record, task): it is the same in any process, on any machine, in
any order, and no draw shifts another one. A worker, a place in a queue or a time is never a name.

BLAKE2b is specified to the bit (RFC 7693), where the generators of NumPy and torch may change with
their versions.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

_WORDS = 8  # 64-bit words in one BLAKE2b block
_U64 = 1 << 64
_LENGTH = struct.Struct("<Q").pack


def key_of(*names: str | int) -> bytes:
    """32 bytes for a sequence of names: BLAKE2b of each name's type, length and text.

    Types and lengths are hashed, too, so ("a", "bc") and ("ab", "c"), or 1 and "1", differ.
    """
    digest = hashlib.blake2b(digest_size=32)
    for name in names:
        raw = f"{type(name).__name__}:{name}".encode()
        digest.update(_LENGTH(len(raw)) + raw)
    return digest.digest()


def word_of(*names: str | int) -> int:
    """The first 64 bits of `key_of`, as an unsigned integer."""
    return int.from_bytes(key_of(*names)[:8], "little")


def words_of(names: Iterable[str]) -> NDArray[np.uint64]:
    """What `word_of` says of each of many texts."""
    raws = [f"str:{name}".encode() for name in names]
    keys = [hashlib.blake2b(_LENGTH(len(raw)) + raw, digest_size=32).digest() for raw in raws]
    words: NDArray[np.uint64] = np.frombuffer(b"".join(keys), "<u8")[::4].astype(np.uint64)
    return words


class Stream:
    """An endless stream of random numbers, decided by its names alone.

    Block k of eight 64-bit words is BLAKE2b of the counter k under the names' key.
    """

    __slots__ = ("_counter", "_key", "_words")

    def __init__(self, *names: str | int) -> None:
        self._key = key_of(*names)
        self._counter = 0
        self._words: list[int] = []

    def word(self) -> int:
        """64 random bits, as an integer of 0 .. 2^64 - 1."""
        if not self._words:
            block = hashlib.blake2b(struct.pack("<Q", self._counter), key=self._key).digest()
            self._words = list(struct.unpack(f"<{_WORDS}Q", block))
            self._counter += 1
        return self._words.pop(0)

    def integer(self, n: int) -> int:
        """An integer of 0 .. n - 1, all equally likely. Raises ValueError unless 1 <= n <= 2^64."""
        if not 0 < n <= _U64:
            raise ValueError(f"integer(n) needs 1 <= n <= 2**64, got {n}")
        limit = _U64 - _U64 % n  # words from here on would make small numbers likelier: drawn again
        while (word := self.word()) >= limit:
            pass
        return word % n

    def uniform(self, a: float = 0.0, b: float = 1.0) -> float:
        """A float of [a, b), on a grid of 2^53 steps."""
        return a + (b - a) * ((self.word() >> 11) * 2.0**-53)

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely. Raises ValueError if there are none."""
        return items[self.integer(len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """A new list of the items in random order, all orders equally likely (Fisher-Yates)."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.integer(i + 1)
            out[i], out[j] = out[j], out[i]
        return out


def mix64(words: NDArray[np.uint64], key: int) -> NDArray[np.uint64]:
    """Hash 64-bit words under a 64-bit key; uint64[...] in and out.

    Two rounds of SplitMix64's finaliser (Stafford's variant 13), in wrapping arithmetic. It orders
    millions of records in NumPy, and is one-to-one, so no two words collide under one key.
    """
    x = words ^ np.uint64(key)
    for _ in range(2):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x
