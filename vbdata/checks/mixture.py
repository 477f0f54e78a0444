"""The rows of a build against the mixture that its recipe plans: cells, passes, empty slots.

What follows from weights, samples and shard size is computed again as the plan did: how many
samples of each cell every shard has. A slot is empty only if quarantine.jsonl says what was tried
in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vbdata.checks.passes import pass_faults, sets_in, turns_in
from vbdata.checks.quarantine import Tried
from vbdata.core.rng import word_of
from vbdata.core.types import Cell
from vbdata.layout import MANIFEST, QUARANTINE, key_digits
from vbdata.manifest.model import Manifest
from vbdata.planning.mixture import Ints, in_line, scheduled

NO_ROWS = np.empty(0, np.uint64)


class MixtureCheck:
    """Checks the mixture shard by shard (`add`), then what it adds up to (`finish`).

    tried: as quarantine_faults fills it. Memory: 16 bytes a sample.
    """

    def __init__(self, manifest: Manifest, tried: Tried) -> None:
        self._manifest, self._tried = manifest, tried
        self._names: list[Cell] = [(cell.source, cell.task) for cell in manifest.cells]
        self._counts = Counter[Cell]()
        self._replaced = Counter[Cell]()
        self._words: dict[Cell, list[NDArray[np.uint64]]] = {}
        self._passes: dict[Cell, list[Ints]] = {}
        self._sets = Counter[Cell]()
        recipe = manifest.recipe
        planned = [cell.apportioned for cell in manifest.cells]
        sound = sum(planned) == manifest.wanted and len(manifest.shards) == shards_of(manifest)
        rule = in_line if recipe.votes else scheduled
        self._planned = rule(planned, recipe.shard_size) if sound else iter(())

    def add(
        self,
        number: int,
        keys: Sequence[str],
        cells: Sequence[Cell],
        records: Sequence[str],
        passes: Sequence[int],
    ) -> Iterator[str]:
        """Add the rows of shard `number`, a value each; a sentence for each thing that is wrong."""
        places: dict[Cell, list[int]] = {}
        for place, cell in enumerate(cells):
            places.setdefault(cell, []).append(place)
        for cell, rows in places.items():
            words = [word_of(records[row]) for row in rows]
            self._counts[cell] += len(rows)
            self._words.setdefault(cell, []).append(np.asarray(words, np.uint64))
            drawn = np.asarray([passes[row] for row in rows], np.int64)
            self._passes.setdefault(cell, []).append(drawn)
        tried = self._tried.get(number, {})
        by_key = dict(zip(keys, cells, strict=True)) if tried else {}
        for key, cell in tried.items():
            filled = by_key.get(key)
            self._replaced[cell] += filled is not None
            if filled not in (None, cell):
                was, now = " / ".join(cell), " / ".join(filled or ())
                yield f"{key}: {QUARANTINE} says that a record of {was} was replaced, it is {now}"
        empty = [cell for key, cell in tried.items() if key not in by_key]
        yield from self._empty_faults(number, keys, len(empty))
        planned = next(self._planned, None)
        if planned is None:
            return
        left = Counter(empty)
        for cell, count in zip(self._names, planned.tolist(), strict=True):
            turns = turns_in(self._manifest, cell[1])
            self._sets[cell] += (sets := -(-count // turns))
            if turns > 1 and not tried and cell in places:
                found = sets_in(self._words[cell][-1], self._passes[cell][-1], turns)
                if found != sets:
                    name = " / ".join(cell)
                    yield f"shard {number}: {name} has {found} sets of a record, expected {sets}"
            there = len(places.get(cell, ()))
            if there + left[cell] != count:
                name = " / ".join(cell)
                yield (
                    f"shard {number}: {there} samples of {name} and {left[cell]} empty slots, the "
                    f"mixture of the recipe has {count}"
                )

    def _empty_faults(self, number: int, keys: Sequence[str], empty: int) -> Iterator[str]:
        """A sentence for each slot without a sample that quarantine.jsonl does not explain."""
        recipe = self._manifest.recipe
        first = number * recipe.shard_size
        size = min(recipe.shard_size, self._manifest.wanted - first)
        lost = size - len(keys) - empty
        if lost <= 0:
            return
        more = f"{lost} slots have no sample, and {QUARANTINE} does not say why"
        if lost > len(keys):  # of a shard size that nobody has, they are not enumerated
            yield f"shard {number}: {more}"
            return
        there, tried = {*keys}, self._tried.get(number, {})
        digits = key_digits(self._manifest.wanted)
        for key in (f"{first + slot:0{digits}d}" for slot in range(size)):
            if key not in there and key not in tried:
                yield f"{key}: there is no such sample, and {QUARANTINE} does not say why"

    def finish(self) -> Iterator[str]:
        """A sentence for each sum over all rows that is not the manifest's."""
        for cell in self._manifest.cells:
            name, key = f"{cell.source} / {cell.task}", (cell.source, cell.task)
            count = self._counts.pop(key, 0)
            if count != cell.realised:
                yield f"{name}: {count} rows, {cell.realised} in {MANIFEST}"
            words = np.concatenate(self._words.pop(key, [NO_ROWS]))
            unique = len(np.unique(words))
            if unique != cell.unique:
                yield f"{name}: {unique} records, {cell.unique} in {MANIFEST}"
            if self._replaced[key] != cell.replaced:
                yield f"{name}: {self._replaced[key]} replaced, {cell.replaced} in {MANIFEST}"
            passes = np.concatenate(self._passes.pop(key, [NO_ROWS.astype(np.int64)]))
            sets = self._sets[key] or cell.apportioned
            yield from pass_faults(self._manifest, cell, words, passes, sets)
        for source, task in self._counts:
            yield f"{source} / {task}: rows of a cell that {MANIFEST} does not have"


def shards_of(manifest: Manifest) -> int:
    """How many shards the recipe makes."""
    return -(-manifest.wanted // manifest.recipe.shard_size)
