"""The arithmetic of a mixture: how many of each cell, how many in each shard, which ones.

A cell is one (source, task) pair. Everything is exact: shares are fractions, counts are integers,
and the order of a draw depends on sample ids alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import mix64, word_of

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Places = NDArray[np.uint32]

MIXED_AT_ONCE = 1 << 15  # words: what a core's cache holds with the temporaries
LOW = np.uint64(0xFFFFFFFF)


def apportion(weights: Sequence[Fraction], total: int) -> list[int]:
    """Largest-remainder (Hamilton) counts that add up to total; ties go to the earlier cell.

    Raises ValueError for negative weights or weights that are all zero.
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
    """Counts that add up to total, none above what its cell has; weights are above 0.

    What a cell cannot serve goes to the others, by their weights, until all fit. Raises ValueError
    if all cells together have less than total.
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
    """How many of each cell go into each block of the sequence: int64[blocks, cells].

    At every block boundary t each cell has had floor(q) or ceil(q) samples, q = t * count / total,
    so the error of every prefix of blocks is below one sample; the last block may be short. With
    block = 1 this is an order of single samples in which every prefix is within one. A single
    block's count is floor or ceil of its own share too, unless that contradicts the prefixes
    (about one random mixture in a thousand); then the prefixes win and the block's count is still
    less than two off its share.

    Earliest deadline first is optimal for unit jobs with release times and deadlines, which is
    what the prefix bound makes of the samples (Tijdeman 1980; Steiner & Yeomans 1993 for
    block = 1).
    """
    total = sum(counts)
    exact: Any = np.int64 if total < 2**31 else object  # products of two counts are formed
    count = np.asarray(counts, exact)
    ends = np.minimum(np.arange(block, total + block, block), total)
    table = np.zeros((len(ends), len(count)), np.int64)
    done = np.zeros_like(count)
    for b, end in enumerate(ends.tolist()):
        table[b] = _fill(count, total, done, end, end - b * block)
        done = done + table[b]
    return table


def _fill(count: Ints, total: int, done: Ints, end: int, size: int) -> Ints:
    """One block: what each cell must have, and for the rest the cells that are due first."""
    prefix, own = count * end, count * size
    low = np.maximum(prefix // total - done, 0)
    high = -(-prefix // total) - done
    own_low = np.maximum(low, own // total)
    own_high = np.minimum(high, -(-own // total))
    if own_low.sum() <= size <= own_high.sum() and bool((own_low <= own_high).all()):
        low, high = own_low, own_high
    optional = np.flatnonzero(high > low)
    due = -(-(done + low + 1)[optional] * total // count[optional])
    first = optional[np.argsort(due, kind="stable")[: size - int(low.sum())]]
    low[first] += 1
    return low


def draw(words: Words, count: int, *names: str | int) -> tuple[Places, NDArray[Any]]:
    """Choose count of len(words) samples in whole seeded passes; words: a hash of each id.

    Returns (which, pass): uint32[count], and [count] of the smallest unsigned type that holds the
    pass. Every pass visits each sample once, in an order keyed by (names, pass, id): a new sample
    never changes the order of the others.
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
    """Places of words in the order of the upper half of their hash under a key, ties by place.

    uint32[len(words)], or the first `most` of it. Hash and place are sorted as one number, which
    is unique: any sort gives the same order, and sorts of numbers are the fastest.
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
