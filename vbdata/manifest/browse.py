"""A finished build opened for looking: some samples of each cell, picked by a seed, read by range.

In memory: four short columns of all rows (some 15 bytes a sample), and the rows that were picked.
No tar is read but for the samples that are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vbdata.core.rng import mix64, word_of
from vbdata.errors import BuildError
from vbdata.layout import MANIFEST, rows_path
from vbdata.planning.mixture import Ints
from vbdata.shard.tar_read import read_sample
from vbdata.storage.folder import Folder

Cell = tuple[str, str]
MEMBERS = {"input", "target", "valid", "instruction", "json"}
ROWS_AT_ONCE = 1 << 15
AT_ONCE = 16  # samples whose bytes are in memory, and requests that are under way


def read_manifest(out: Folder) -> dict[str, Any]:
    """manifest.json of a finished build. Raises BuildError if there is none."""
    if not out.exists(MANIFEST):
        raise BuildError(f"{out.url} holds no finished build: {MANIFEST} is missing")
    try:
        manifest = json.loads(out.read(MANIFEST))
    except ValueError as err:
        raise BuildError(f"{out.url}/{MANIFEST} is not JSON: {err}; run vbdata verify") from err
    if not isinstance(manifest, dict) or "cells" not in manifest:
        raise BuildError(f"{out.url}/{MANIFEST} is no manifest of a build")
    return manifest


@dataclass(frozen=True, slots=True)
class Picked:
    """A sample's line of the manifest, and its place in its shard, counted from 0."""

    row: Mapping[str, Any]
    slot: int


class Browser:
    """The rows of a build. Made by `browsing`, which keeps the file open."""

    def __init__(self, out: Folder, manifest: Mapping[str, Any], file: pq.ParquetFile) -> None:
        self.out, self.manifest, self.file = out, manifest, file

    @cached_property
    def cells(self) -> dict[Cell, Ints]:
        """Row numbers of each cell that has any, rising, in the manifest's order of cells."""
        found = by_cell(self._places)
        listed = ((cell["source"], cell["task"]) for cell in self.manifest["cells"])
        return {cell: found[cell] for cell in listed if cell in found}

    def pick(self, counts: Mapping[Cell, int], seed: int) -> dict[Cell, list[Picked]]:
        """Up to so many samples of each cell: every record once before any twice, else at random.

        A larger count only adds samples at the end.
        """
        passes = self._places["pass"].to_numpy()
        wanted: dict[Cell, Ints] = {}
        for cell, rows in self.cells.items():
            by_chance = mix64(rows.astype(np.uint64), word_of(seed, "browse", *cell))
            wanted[cell] = rows[np.lexsort((by_chance, passes[rows]))[: counts.get(cell, 0)]]
        lines = self._lines(np.concatenate([*wanted.values(), np.zeros(0, np.int64)]))
        return {cell: [lines[int(row)] for row in rows] for cell, rows in wanted.items()}

    def read(self, picked: Sequence[Picked]) -> Iterator[tuple[Picked, dict[str, bytes]]]:
        """The members of some samples, in order. Raises BuildError or BadSample for damage."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for start in range(0, len(picked), AT_ONCE):
                some = picked[start : start + AT_ONCE]
                yield from zip(some, pool.map(self._members, some), strict=True)

    def tables(self, columns: list[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, in order, some ten thousand rows at a time."""
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in self.file.iter_batches(columns=columns):
            waiting.append(batch)
            rows += len(batch)
            if rows >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(waiting).unify_dictionaries()
                waiting, rows = [], 0
        if waiting:
            yield pa.Table.from_batches(waiting).unify_dictionaries()

    @cached_property
    def _places(self) -> pa.Table:
        return self.file.read(columns=[*_CELL, "shard", "pass"])

    def _lines(self, rows: Ints) -> dict[int, Picked]:
        """Whole rows by number, read from the row groups that have them."""
        groups = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(groups)])
        of = np.searchsorted(starts, rows, "right") - 1
        shards = self._places["shard"].to_numpy()
        found: dict[int, Picked] = {}
        for group in np.unique(of).tolist():
            mine = np.sort(rows[of == group])
            table = self.file.read_row_group(group).take(pa.array(mine - starts[group]))
            for at, line in zip(mine.tolist(), table.to_pylist(), strict=True):
                slot = at - int(np.searchsorted(shards, line["shard"]))  # rows lie shard by shard
                found[at] = Picked(line, slot)
        return found

    def _members(self, picked: Picked) -> dict[str, bytes]:
        key, tar = picked.row["key"], self.manifest["shards"][picked.row["shard"]]["tar"]
        parts = read_sample(self.out, tar, picked.slot, key)
        kinds = {name.partition(".")[0] for name in parts}
        if kinds != MEMBERS or len(parts) != len(MEMBERS):
            raise BuildError(f"{tar}: {key} has {', '.join(sorted(parts))}; run vbdata verify")
        return parts


_CELL = ("source", "task")


def by_cell(table: pa.Table) -> dict[Cell, Ints]:
    """Row numbers of each (source, task) in a table, rising."""
    if not len(table):
        return {}
    source, task = (table[name].combine_chunks().dictionary_encode() for name in _CELL)
    sources, tasks = source.dictionary.to_pylist(), task.dictionary.to_pylist()
    codes = source.indices.to_numpy() * np.int64(len(tasks)) + task.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    cells = [(sources[code // len(tasks)], tasks[code % len(tasks)]) for code in found.tolist()]
    return dict(zip(cells, np.split(order, starts[1:]), strict=True))


@contextmanager
def browsing(out: Folder) -> Iterator[Browser]:
    """Open a finished build. Raises BuildError if there is none, or if its rows cannot be read."""
    manifest = read_manifest(out)
    with out.local_copy(rows_path(manifest["split"])) as path:
        try:
            file = pq.ParquetFile(path, read_dictionary=[*_CELL])
        except pa.ArrowInvalid as err:
            raise BuildError(f"{out.url}: the manifest's rows: {err}; run vbdata verify") from err
        with file:
            yield Browser(out, manifest, file)
