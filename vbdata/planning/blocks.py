"""The rows of some consecutive shards, in the order in which they are built.

The rows of a cell come in the order of the draw; here they are put into shards and slots. All is
columnar over many shards at a time, so that a shard costs little more than its shuffle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.planning.mixture import Ints, Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """Rows of one cell, either samples or spares, for some consecutive shards, shard by shard.

    records: uint32[rows], the place of each row's entry among those of all sources; passes:
    unsigned[rows], the pass in which it was drawn; counts: int64[shards], how many rows each shard
    gets.
    """

    records: Places
    passes: NDArray[Any]
    counts: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of consecutive shards: of each shard its samples by slot, then its spares by cell.

    first: number of the first shard; bounds: int64[shards + 1], the row at which each shard begins,
    and the end; samples: int64[shards], rows of each shard that are not spares; cell:
    unsigned[rows]; record: uint32[rows], the place of the entry among those of all sources; passes:
    unsigned[rows], the pass in which it was drawn.
    """

    first: int
    bounds: Ints
    samples: Ints
    cell: NDArray[Any]
    record: Places
    passes: NDArray[Any]

    def __len__(self) -> int:
        return len(self.cell)

    def shards(self) -> Iterator[tuple[int, slice, int]]:
        """Of each shard: its number, its rows in this block, and how many of them are samples."""
        bounds = self.bounds.tolist()
        for k, samples in enumerate(self.samples.tolist()):
            yield self.first + k, slice(bounds[k], bounds[k + 1]), samples

    @property
    def shard(self) -> NDArray[np.int32]:
        """int32[rows]: the number of each row's shard."""
        numbers = np.arange(self.first, self.first + len(self.samples), dtype=np.int32)
        return np.repeat(numbers, np.diff(self.bounds))

    @property
    def slot(self) -> NDArray[np.int32]:
        """int32[rows]: the place of each row in its shard, -1 of a spare."""
        sizes = np.diff(self.bounds)
        slot = np.arange(len(self)) - np.repeat(self.bounds[:-1], sizes)
        slot[slot >= np.repeat(self.samples, sizes)] = -1
        return slot.astype(np.int32)


def arrange(
    first: int, samples: list[Dealt], spares: list[Dealt], shuffles: Iterator[Places]
) -> Block:
    """Put the rows of all cells into the order of shards and slots.

    samples, spares: of every cell; first: number of the first shard; shuffles: for each shard, the
    order of its samples, which before are sorted by cell.
    """
    # A kind is a cell's samples or a cell's spares. `kind` lists the kinds of all rows in the order
    # of shards; the rows themselves come in the order of kinds. A stable sort of `kind` gives the
    # way from the one order to the other: the n-th row of a kind is the n-th place of that kind.
    # A small type makes that sort a radix sort.
    counts = np.stack([dealt.counts for dealt in (*samples, *spares)], axis=1)
    shards, kinds = counts.shape
    small = np.min_scalar_type(kinds)
    kind = np.repeat(np.tile(np.arange(kinds, dtype=small), shards), counts.ravel())
    place = np.argsort(kind, kind="stable")
    from_cells = np.empty(len(kind), np.uint32)  # for each place, its row in the order of kinds
    from_cells[place] = np.arange(len(kind), dtype=np.uint32)
    bounds = np.concatenate([[0], counts.sum(axis=1).cumsum()])
    taken = counts[:, : len(samples)].sum(axis=1)
    # Samples are shuffled inside their shard; spares stay behind them, by cell.
    order = np.arange(len(kind))
    for start, size, shuffle in zip(bounds.tolist(), taken.tolist(), shuffles, strict=False):
        order[start : start + size] = start + shuffle.astype(np.int64)
    from_cells = from_cells[order]
    return Block(
        first=first,
        bounds=bounds,
        samples=taken,
        cell=(kind % small.type(len(samples)))[order],
        record=np.concatenate([dealt.records for dealt in (*samples, *spares)])[from_cells],
        passes=np.concatenate([dealt.passes for dealt in (*samples, *spares)])[from_cells],
    )
