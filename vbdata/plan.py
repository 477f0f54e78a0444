"""Plan a build: which sample stands in which slot of which shard. No pixel is read.

Eligibility first, then apportionment, then draws in whole passes, then a schedule over shards,
then a seeded shuffle inside each shard. All columnar; the plan is a function of recipe and index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vbdata.eligible import eligible, fits_in, refuse_sources, state
from vbdata.errors import RecipeError
from vbdata.holdout import Held, excluded, resolve
from vbdata.index import Index
from vbdata.mix import Ints, apportion, draw, schedule
from vbdata.rand import mix64, word_of
from vbdata.recipe import Recipe

SCHEMA = pa.schema(
    [
        ("shard", pa.int32()),
        ("slot", pa.int32()),  # -1: a spare
        ("source", pa.dictionary(pa.int32(), pa.string())),
        ("task", pa.dictionary(pa.int32(), pa.string())),
        ("sample_id", pa.string()),
        ("pass", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One (source, task) of the mixture. rows: index rows that can serve; count: apportioned."""

    source: str
    task: str
    weight: Fraction
    rows: Ints
    count: int = 0

    @property
    def name(self) -> str:
        """As it is written in tables and errors."""
        return f"{self.source} / {self.task}"

    @property
    def unique(self) -> int:
        """Distinct samples among the planned ones."""
        return min(self.count, len(self.rows))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole plan. cells: the mixture; table: int64[shards, cells], samples of each shard.

    held: what is held out; barred: entries that may not be drawn, by source and cause.
    """

    recipe: Recipe
    indices: dict[str, Index]
    cells: tuple[Cell, ...]
    table: Ints
    held: Held
    barred: Mapping[str, Mapping[str, int]]

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return len(self.table)

    @cached_property
    def starts(self) -> Ints:
        """int64[shards + 1, cells]: samples of each cell before a shard."""
        return np.vstack([np.zeros((1, len(self.cells)), np.int64), self.table.cumsum(0)])

    @cached_property
    def draws(self) -> list[tuple[Ints, Ints]]:
        """For each cell: index rows and passes, the planned samples first, then all spares."""
        drawn = []
        for cell in self.cells:
            spares = self.shards * self.recipe.spares
            if self.recipe.exhaustion != "repeat":
                spares = min(spares, len(cell.rows) - cell.count)
            words = self.indices[cell.source].words[cell.rows]
            names = (self.recipe.seed, "draw", cell.source, cell.task)
            which, passes = draw(words, cell.count + spares, *names)
            drawn.append((cell.rows[which], passes))
        return drawn

    def shard(self, number: int) -> dict[str, Ints]:
        """slot, cell, row, pass of one shard: samples by slot, then spares by cell."""
        parts = []
        for c, (rows, passes) in enumerate(self.draws):
            start, end = self.starts[number : number + 2, c]
            spare = self.cells[c].count + number * self.recipe.spares
            for span in (slice(start, end), slice(spare, spare + self.recipe.spares)):
                if start < end:
                    n = len(rows[span])
                    parts.append((np.full(n, c), rows[span], passes[span], span.start == start))
        samples = [np.concatenate(x) for x in zip(*(p[:3] for p in parts if p[3]), strict=True)]
        order = self._shuffle(number, len(samples[0]))
        spares = [p[:3] for p in parts if not p[3]]
        cell, row, pass_ = (
            np.concatenate([samples[i][order], *(s[i] for s in spares)]) for i in range(3)
        )
        slot = np.full(len(cell), -1)
        slot[: len(order)] = np.arange(len(order))
        return {"slot": slot, "cell": cell, "row": row, "pass": pass_}

    def _shuffle(self, number: int, count: int) -> Ints:
        key = word_of(self.recipe.seed, "order", number)
        return np.argsort(mix64(np.arange(count, dtype=np.uint64), key), kind="stable")

    def write(self, path: Path) -> None:
        """The plan as Parquet, a row group a shard."""
        names = [
            pa.DictionaryArray.from_arrays(np.arange(len(self.cells), dtype=np.int32), values)
            for values in ([c.source for c in self.cells], [c.task for c in self.cells])
        ]
        with pq.ParquetWriter(path, SCHEMA) as out:
            for number in range(self.shards):
                part = self.shard(number)
                columns = [
                    pa.array(np.full(len(part["slot"]), number), pa.int32()),
                    pa.array(part["slot"], pa.int32()),
                    *(values.take(pa.array(part["cell"])) for values in names),
                    self._ids(part["cell"], part["row"]),
                    pa.array(part["pass"], pa.int32()),
                ]
                out.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))

    def _ids(self, cell: Ints, row: Ints) -> pa.Array:
        """Sample ids in the order of the rows."""
        order = np.argsort(cell, kind="stable")
        parts = []
        for c in np.unique(cell):
            at = pa.array(row[order][cell[order] == c])
            parts.append(self.indices[self.cells[c].source].facts["id"].take(at).combine_chunks())
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_arrays(parts).take(pa.array(back))


def make_plan(recipe: Recipe, indices: Sequence[Index]) -> Plan:
    """Exclude, apportion and schedule. Raises RecipeError for cells that nothing can serve."""
    by_name = {index.source.name: index for index in indices}
    held = resolve(recipe, indices)
    causes = {name: excluded(index, held, recipe.licence_policy) for name, index in by_name.items()}
    barred = {name: {c: int(m.sum()) for c, m in masks.items()} for name, masks in causes.items()}
    refuse_sources(recipe, by_name, barred)
    fits = {
        name: fits_in(index, recipe.image) & ~np.logical_or.reduce([*causes[name].values()])
        for name, index in by_name.items()
    }
    cells = [
        Cell(
            source=s.name,
            task=t,
            weight=Fraction(w),
            rows=eligible(by_name[s.name], t, fits[s.name]),
        )
        for s in recipe.sources
        for t, w in s.tasks.items()
    ]
    counts = _counts(recipe, cells, by_name, barred)
    cells = [replace(cell, count=n) for cell, n in zip(cells, counts, strict=True)]
    table = schedule(counts, recipe.shard_size)
    return Plan(
        recipe=recipe,
        indices=by_name,
        cells=tuple(cells),
        table=table,
        held=held,
        barred=barred,
    )


def _counts(
    recipe: Recipe,
    cells: Sequence[Cell],
    indices: Mapping[str, Index],
    barred: Mapping[str, Mapping[str, int]],
) -> list[int]:
    """Samples of each cell, under the recipe's rule for cells that run out."""
    empty = [cell for cell in cells if not len(cell.rows)]
    if empty:
        raise RecipeError(
            f"sources.{c.source}.tasks.{c.task}: none of the source's "
            f"{state(indices[c.source], barred[c.source])} can serve this task"
            for c in empty
        )
    counts = apportion([cell.weight for cell in cells], recipe.samples)
    have = [len(cell.rows) for cell in cells]
    over = [i for i in range(len(cells)) if counts[i] > have[i]]
    if recipe.exhaustion == "repeat" or not over:
        return counts
    if recipe.exhaustion == "stop":
        raise RecipeError(
            f"sources.{cells[i].source}.tasks.{cells[i].task}: needs {counts[i]} samples, has "
            f"{have[i]}, and exhaustion is 'stop' (or: repeat, redistribute)"
            for i in over
        )
    return _redistribute(recipe.samples, [cell.weight for cell in cells], have)


def _redistribute(total: int, weights: list[Fraction], have: list[int]) -> list[int]:
    """Give what cells cannot serve to the others, by weight, until all fit."""
    if sum(have) < total:
        raise RecipeError([f"samples: {total} asked, all cells together have {sum(have)}"])
    full: dict[int, int] = {}
    while len(full) < len(have):
        free = [w if i not in full else Fraction(0) for i, w in enumerate(weights)]
        counts = apportion(free, total - sum(full.values()))
        over = [i for i in range(len(have)) if i not in full and counts[i] > have[i]]
        if not over:
            return [full.get(i, n) for i, n in enumerate(counts)]
        full |= {i: have[i] for i in over}
    return have
