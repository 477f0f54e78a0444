"""A plan: which sample stands in which slot of which shard. No image is opened.

From how many samples of each cell a shard has (vbdata.planning.make) follow which entries they are,
drawn in whole passes, and their order, a seeded shuffle inside each shard. An enumerated recipe
(vbdata.recipe.every) has instead every query of every entry, in the order of the index; the pass of
such a row is the number of its query times `votes`, plus that of its vote. All of it is columnar,
and a function of the recipe and the indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.rng import word_of
from vbdata.index.index import Index
from vbdata.planning.balance import draw_balanced, factors, most_copies
from vbdata.planning.blocks import Block, Dealt, arrange
from vbdata.planning.holdout import Held
from vbdata.planning.mixture import Ints, Places, draw, hash_order
from vbdata.planning.sets import in_sets, sets_of
from vbdata.recipe.recipe import Recipe

BLOCK_ROWS = 1 << 18  # rows that are put in order at a time: some 10 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """One (source, task) of the mixture.

    weight: its share by the recipe, not normalised; rows: int64, rows of the source's index that
    can serve the task; count: how many samples are planned; turns: how many of them are of one
    record, and stand together; t: of balanced draws (vbdata.planning.balance), 0 if all are alike.
    """

    source: str
    task: str
    weight: Fraction
    rows: Ints
    count: int = 0
    turns: int = 1
    t: Fraction = Fraction(0)

    @property
    def name(self) -> str:
        """The cell as it is written in tables and messages: "source / task"."""
        return f"{self.source} / {self.task}"

    @property
    def passes(self) -> Fraction:
        """How often each record is planned, on average."""
        return Fraction(self.count, len(self.rows))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole plan.

    indices: by source; cells: the mixture; table: int64[shards, cells], how many samples of each
    cell a shard has; held: what is held out; barred: by source, how many entries may not be drawn,
    by cause. A `record` is the place of an entry among those of all sources, one source after the
    other.
    """

    recipe: Recipe
    indices: dict[str, Index]
    cells: tuple[PlannedCell, ...]
    table: Ints
    held: Held
    barred: Mapping[str, Mapping[str, int]]

    @property
    def shards(self) -> int:
        """The number of shards."""
        return len(self.table)

    @cached_property
    def starts(self) -> Ints:
        """int64[shards + 1, cells]: how many samples of each cell the shards before one have."""
        return np.vstack([np.zeros((1, len(self.cells)), np.int64), self.table.cumsum(0)])

    @cached_property
    def offsets(self) -> Ints:
        """int64[cells]: the record of the first entry of each cell's source."""
        before, entries = {}, 0
        for name, index in self.indices.items():
            before[name], entries = entries, entries + len(index)
        return np.array([before[cell.source] for cell in self.cells], np.int64)

    @cached_property
    def draws(self) -> list[tuple[Places, NDArray[Any]]]:
        """For each cell: records (uint32[...]) and passes, of its samples first, then its spares.

        Spares are drawn as if the cell had more samples: they go on where its samples end.
        """
        if self.recipe.votes:
            return [
                _enumerated(cell, offset, self._queries(cell))
                for cell, offset in zip(self.cells, self.offsets.tolist(), strict=True)
            ]
        return [self._drawn(c) for c in range(len(self.cells))]

    def unique(self, c: int) -> int:
        """How many different records are planned of a cell, by its place."""
        cell = self.cells[c]
        if cell.t and not self.recipe.votes:
            seen = np.zeros(len(self.indices[cell.source]), np.bool_)
            seen[self.draws[c][0][: cell.count] - self.offsets[c]] = True
            return int(seen.sum())
        return min(self.sets(c), len(cell.rows))

    def sets(self, c: int) -> int:
        """How many times a record is drawn for a cell, by its place: once for each of its sets."""
        return int(sets_of(self.table[:, c], self.cells[c].turns).sum())

    def _drawn(self, c: int) -> tuple[Places, NDArray[Any]]:
        cell = self.cells[c]
        count, spares = self.sets(c), self.shards * self.recipe.spares if cell.count else 0
        if self.recipe.exhaustion != "repeat":
            spares = min(spares, len(cell.rows) - cell.count)
        index = self.indices[cell.source]
        words = index.words[cell.rows]
        names = (self.recipe.seed, "draw", cell.source, cell.task)
        if cell.t:
            factor = factors(classes_of(index, cell.rows), cell.t)
            most = most_copies(cell.t, len(cell.rows))
            which, passes = draw_balanced(words, factor, count + spares, most, *names)
        else:
            which, passes = draw(words, count + spares, *names)
        records = (cell.rows + self.offsets[c]).astype(np.uint32)[which]
        if cell.turns > 1:
            return in_sets(records, passes, self.table[:, c], cell.turns)
        return records, passes

    def blocks(self) -> Iterator[Block]:
        """All rows of the plan, in its order, some shards at a time."""
        several = max(1, BLOCK_ROWS // self.recipe.shard_size)
        for first in range(0, self.shards, several):
            yield self.block(first, min(first + several, self.shards))

    def block(self, first: int, last: int) -> Block:
        """The rows of the shards from `first` to before `last`."""
        cells = range(len(self.cells))
        shuffles = (self._order(number) for number in range(first, last))
        return arrange(
            first,
            [self._samples(c, first, last) for c in cells],
            [self._spares(c, first, last) for c in cells],
            shuffles,
        )

    def shard(self, number: int) -> dict[str, Ints]:
        """The rows of one shard, samples by slot, then spares by cell: columns of int64[rows].

        slot: -1 of a spare; cell: its place in `cells`; row: of the index of the cell's source;
        pass: in which the record was drawn.
        """
        block = self.block(number, number + 1)
        cell = block.cell.astype(np.int64)
        return {
            "slot": block.slot.astype(np.int64),
            "cell": cell,
            "row": block.record - self.offsets[cell],
            "pass": block.passes.astype(np.int64),
        }

    def _order(self, number: int) -> Places:
        """The order of a shard's samples, which before are sorted by cell: uint32[samples]."""
        rows = np.arange(self.table[number].sum(), dtype=np.uint64)
        if self.recipe.votes:
            return rows.astype(np.uint32)
        return hash_order(rows, word_of(self.recipe.seed, "order", number))

    def _queries(self, cell: PlannedCell) -> Ints:
        """How often each of a cell's entries is asked: int64[rows]."""
        asked = plugins.queries(cell.task, self.indices[cell.source].facts)[cell.rows]
        return asked * self.recipe.votes

    def _samples(self, c: int, first: int, last: int) -> Dealt:
        records, passes = self.draws[c]
        span = slice(self.starts[first, c], self.starts[last, c])
        return Dealt(records=records[span], passes=passes[span], counts=self.table[first:last, c])

    def _spares(self, c: int, first: int, last: int) -> Dealt:
        """The spares of a cell for some shards.

        Which spares a shard has depends on its number alone. One without samples of the cell leaves
        its own unused: else a change of the mixture in one shard would move the spares of all later
        ones.
        """
        records, passes = self.draws[c]
        each = self.recipe.spares * self.cells[c].turns
        place = np.arange(first * each, last * each).reshape(last - first, each)
        place += self.cells[c].count
        used = (place < len(records)) & (self.table[first:last, c] > 0)[:, None]
        place = place[used]
        return Dealt(records=records[place], passes=passes[place], counts=used.sum(axis=1))


def classes_of(index: Index, rows: Ints) -> pa.ListArray:
    """The class facts of some rows of an index: int64[rows], ascending."""
    return index.facts["classes"].take(pa.array(rows)).combine_chunks()


def _enumerated(cell: PlannedCell, offset: int, asked: Ints) -> tuple[Places, NDArray[Any]]:
    """Records and passes of a cell whose entries are asked so often each: int64[rows]."""
    records = np.repeat((cell.rows + offset).astype(np.uint32), asked)
    passes = np.arange(len(records)) - np.repeat(np.cumsum(asked) - asked, asked)
    return records, passes.astype(np.min_scalar_type(int(asked.max(initial=1)) - 1))
