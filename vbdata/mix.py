"""The arithmetic of a mixture: how many of each cell, how many in each shard, which ones.

A cell is one (source, task) pair. Everything is exact: shares are fractions, counts are integers,
and the order of a draw depends on sample ids alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vbdata.rand import mix64, word_of

Ints = NDArray[np.int64]


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


def schedule(counts: Sequence[int], block: int) -> Ints:
    """How many of each cell go into each block of the sequence: int64[blocks, cells].

    At every block boundary t each cell has had floor(q) or ceil(q) samples, q = t * count / total,
    so the error of every prefix of blocks is below one sample; the last block may be short. A
    single block's count is floor or ceil of its own share too, unless that contradicts the
    prefixes (about one random mixture in a thousand); then the prefixes win and the block's count
    is still less than two off its share.

    Earliest deadline first is optimal for unit jobs with release times and deadlines, which is
    what the prefix bound makes of the samples (Steiner & Yeomans 1993 for block = 1).
    """
    count = np.asarray(counts, np.int64)
    total = int(count.sum())
    blocks = -(-total // block)
    table = np.zeros((blocks, len(count)), np.int64)
    done = np.zeros_like(count)
    for b in range(blocks):
        end = min(total, (b + 1) * block)
        table[b] = _fill(count, total, done, end, end - b * block)
        done += table[b]
    return table


def _fill(count: Ints, total: int, done: Ints, end: int, size: int) -> Ints:
    """One block: what each cell must have, and for the rest the cells that are due first."""
    low = np.maximum(count * end // total - done, 0)
    high = -(-count * end // total) - done
    own_low = np.maximum(low, count * size // total)
    own_high = np.minimum(high, -(-count * size // total))
    if own_low.sum() <= size <= own_high.sum() and bool((own_low <= own_high).all()):
        low, high = own_low, own_high
    optional = np.flatnonzero(high > low)
    due = -(-(done + low + 1)[optional] * total // count[optional])
    first = optional[np.argsort(due, kind="stable")[: size - int(low.sum())]]
    low[first] += 1
    return low


def draw(words: NDArray[np.uint64], count: int, *names: str | int) -> tuple[Ints, Ints]:
    """Choose count of len(words) samples in whole seeded passes; words: a hash of each id.

    Returns (which, pass), both int64[count]. Every pass visits each sample once, in an order
    keyed by (names, pass, id): a new sample never changes the order of the others.
    """
    which = np.empty(count, np.int64)
    passes = np.empty(count, np.int64)
    for number, start in enumerate(range(0, count, max(len(words), 1))):
        rank = mix64(words, word_of(*names, number))
        part = np.argsort(rank, kind="stable")[: count - start]
        which[start : start + len(part)] = part
        passes[start : start + len(part)] = number
    return which, passes
