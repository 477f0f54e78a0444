"""The arithmetic of a mixture: how many samples of each cell, how many in each shard, which ones.

A cell is one (source, task) pair. Everything is exact: shares are fractions, counts are integers,
and the order of a draw depends on sample ids alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import mix64, word_of

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Places = NDArray[np.uint32]

MIXED_AT_ONCE = 1 << 15  # words that a core's cache holds together with the temporaries
LOW = np.uint64(0xFFFFFFFF)  # the lower half of a word


def apportion(weights: Sequence[Fraction], total: int) -> list[int]:
    """Counts in proportion to weights that add up to total, by the largest-remainder method.

    Ties go to the earlier cell. Raises ValueError for negative weights or if all are zero.
    """
    whole = sum(weights, Fraction(0))
    if min(weights, default=Fraction(0)) < 0 or whole <= 0:
        raise ValueError(f"weights must be >= 0 and not all 0, got {[str(w) for w in weights]}")
    quotas = [w * total / whole for w in weights]
    counts = [q.numerator // q.denominator for q in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: (counts[i] - quotas[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def redistribute(weights: Sequence[Fraction], total: int, have: Sequence[int]) -> list[int]:
    """Counts that add up to total, none above what its cell has (`have`).

    What a cell cannot serve goes to the others in proportion to their weights, which must be above
    0. Raises ValueError if all cells together have less than total.
    """
    if sum(have) < total:
        raise ValueError(f"{total} asked, all cells together have {sum(have)}")
    counts = apportion(weights, total)
    full: set[int] = set()
    while over := {i for i, n in enumerate(counts) if n > have[i]}:
        full |= over
        free = [Fraction(0) if i in full else w for i, w in enumerate(weights)]
        rest = apportion(free, total - sum(have[i] for i in full))
        counts = [have[i] if i in full else n for i, n in enumerate(rest)]
    return counts


def schedule(counts: Sequence[int], block: int) -> Ints:
    """How many samples of each cell go into each block of a sequence: int64[blocks, cells].

    counts: samples of each cell in the whole sequence; block: samples of a block, of which the last
    one may have fewer. Within the first t samples, for every t at the end of a block, each cell has
    floor(q) or ceil(q) samples, q = t * count / total, so every prefix of blocks is less than one
    sample off the mixture. Each single block is floor or ceil of its own share as well, unless that
    contradicts the prefixes (about one random mixture in a thousand); then it is less than two off.

    The bound on prefixes gives every sample a release time (earlier, its cell has too many) and a
    deadline (later, too few). For jobs of unit length with such times, "earliest deadline first"
    finds a schedule whenever there is one, and here there always is (Tijdeman 1980; Steiner and
    Yeomans 1993 for block = 1).
    """
    table = np.zeros((-(-sum(counts) // block), len(counts)), np.int64)
    for b, row in enumerate(scheduled(counts, block)):
        table[b] = row
    return table


def scheduled(counts: Sequence[int], block: int) -> Iterator[Ints]:
    """The rows of `schedule`, int64[cells] each, block by block."""
    total = sum(counts)
    # products of two counts are formed, which must fit; Python's integers have no bound
    exact: Any = np.int64 if total < 2**31 else object
    count = np.asarray(counts, exact)
    done = np.zeros_like(count)
    for start in range(0, total, block):
        end = min(start + block, total)
        row = _fill(count, total, done, end, end - start)
        done = done + row
        yield row.astype(np.int64)


def _fill(count: Ints, total: int, done: Ints, end: int, size: int) -> Ints:
    """One block: int64[cells], `size` samples in all.

    count: of each cell in the whole sequence; done: before this block; end: samples of all cells up
    to the end of this block.
    """
    # Each cell has to get at least `low` samples and at most `high`, or its prefix is off by one.
    prefix, own = count * end, count * size
    low = np.maximum(prefix // total - done, 0)
    high = -(-prefix // total) - done
    # The block's own share narrows these bounds, if that still leaves `size` samples to be found.
    own_low = np.maximum(low, own // total)
    own_high = np.minimum(high, -(-own // total))
    if own_low.sum() <= size <= own_high.sum() and bool((own_low <= own_high).all()):
        low, high = own_low, own_high
    # What is left goes to cells that may have one more, the earliest deadlines first: sample k of a
    # cell is due at the first t with t * count / total >= k.
    optional = np.flatnonzero(high > low)
    due = -(-(done + low + 1)[optional] * total // count[optional])
    first = optional[np.argsort(due, kind="stable")[: size - int(low.sum())]]
    low[first] += 1
    return low


def in_line(counts: Sequence[int], block: int) -> Iterator[Ints]:
    """How many samples of each cell each block has where the cells stand one after the other.

    counts, block: as for `schedule`; yields int64[cells], block by block.
    """
    ends = np.cumsum([0, *counts])
    for start in range(0, int(ends[-1]), block):
        yield np.diff(np.clip(ends, start, start + block))


def draw(words: Words, count: int, *names: str | int) -> tuple[Places, NDArray[Any]]:
    """Choose `count` of len(words) samples in whole seeded passes.

    words: uint64[samples], a hash of each id. Returns which samples, uint32[count], and in which
    pass, [count] of the smallest unsigned type that holds it. Every pass visits each sample once,
    in an order keyed by (names, pass, id), so a new sample never changes the order of the others.
    Raises ValueError if there are no samples, or 2**32 and more.
    """
    if count and not 0 < len(words) <= int(LOW):
        raise ValueError(f"draw needs 1 to 2**32 - 1 samples, got {len(words)}")
    starts = range(0, count, max(len(words), 1))
    which = np.empty(count, np.uint32)
    passes = np.empty(count, np.min_scalar_type(max(len(starts) - 1, 0)))
    for number, start in enumerate(starts):
        part = slice(start, start + len(words))
        which[part] = hash_order(words, word_of(*names, number), count - start)
        passes[part] = number
    return which, passes


def hash_order(words: Words, key: int, most: int | None = None) -> Places:
    """The places of words, sorted by the upper half of each word's hash under a key.

    uint32[len(words)], or the first `most` of them; ties are sorted by place. Hash and place are
    sorted as one number: it is unique, so any sort gives the same order, and a sort of plain
    numbers is the fastest.
    """
    ranked = np.empty_like(words)
    for start in range(0, len(words), MIXED_AT_ONCE):
        part = slice(start, start + MIXED_AT_ONCE)
        ranked[part] = mix64(words[part], key)
    ranked &= ~LOW
    ranked |= np.arange(len(words), dtype=np.uint64)
    if most is not None and most < len(ranked):
        ranked.partition(most)
        ranked = ranked[:most]
    ranked.sort()
    return ranked.astype(np.uint32)
