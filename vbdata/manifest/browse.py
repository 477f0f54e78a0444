"""A finished build opened for looking: some samples of each cell, picked by a seed, read by range.

Memory holds three short columns of all rows (some 15 bytes a sample) and the rows that were picked.
Of the tars only the samples that are asked for are read.
"""

from __future__ import annotations

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
from vbdata.core.types import Cell
from vbdata.manifest.columns import ROWS
from vbdata.manifest.opened import Build, open_build
from vbdata.manifest.rows import RowSpan, all_rows, read_rows
from vbdata.planning.mixture import Ints
from vbdata.storage.folder import Folder

ROWS_AT_ONCE = 1 << 15  # of one table of `tables`, about
NAMES = tuple(ROWS.names)
AT_ONCE = 16  # samples that are in memory, and requests that are under way


@dataclass(frozen=True, slots=True)
class Picked:
    """A sample's row of the manifest, and its place in the build, counted from 0."""

    row: Mapping[str, Any]
    place: int


class Browser:
    """A finished build and its rows; made by `browsing`, which keeps the file of the rows open."""

    def __init__(self, build: Build, file: pq.ParquetFile) -> None:
        self.build, self.manifest, self.file = build, build.document, file

    @cached_property
    def cells(self) -> dict[Cell, Ints]:
        """int64[n], rising: the row numbers of each cell, (source, task), that has any.

        In the manifest's order of cells.
        """
        rows = by_cell(self._places)
        listed = ((cell["source"], cell["task"]) for cell in self.manifest["cells"])
        return {cell: rows[cell] for cell in listed if cell in rows}

    def pick(self, counts: Mapping[Cell, int], seed: int) -> dict[Cell, list[Picked]]:
        """Up to counts[cell] samples of each cell, picked at random by the seed.

        Every record of a cell is picked once before any is picked twice. A larger count only adds
        samples at the end. Raises BuildError if the rows are damaged.
        """
        passes = self._places["pass"].to_numpy()
        wanted: dict[Cell, Ints] = {}
        for cell, rows in self.cells.items():
            by_chance = mix64(rows.astype(np.uint64), word_of(seed, "browse", *cell))
            wanted[cell] = rows[np.lexsort((by_chance, passes[rows]))[: counts.get(cell, 0)]]
        lines = self._lines(np.concatenate([*wanted.values(), np.zeros(0, np.int64)]))
        return {cell: [lines[int(row)] for row in rows] for cell, rows in wanted.items()}

    def read(self, picked: Sequence[Picked]) -> Iterator[tuple[Picked, dict[str, bytes]]]:
        """Some samples with their files by extension, in order.

        Raises BuildError or BadSample if a sample is damaged.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for start in range(0, len(picked), AT_ONCE):
                some = picked[start : start + AT_ONCE]
                yield from zip(some, pool.map(self._members, some), strict=True)

    def tables(self, columns: list[str]) -> Iterator[pa.Table]:
        """Some columns of all rows, in order, some 30,000 rows at a time."""
        waiting: list[pa.RecordBatch] = []
        rows = 0
        for batch in self._batches(columns):
            waiting.append(batch)
            rows += len(batch)
            if rows >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(waiting).unify_dictionaries()
                waiting, rows = [], 0
        if waiting:
            yield pa.Table.from_batches(waiting).unify_dictionaries()

    def _batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Strings are decoded, except sources and tasks, which stay dictionary-encoded."""
        types = {name: ROWS.field(name).type for name in columns if name not in _CELL}
        with self.build.reading():
            for batch in self.file.iter_batches(columns=columns):
                parts = {name: batch[name] for name in columns}
                parts |= {name: parts[name].cast(type_) for name, type_ in types.items()}
                yield pa.RecordBatch.from_pydict(parts)

    @cached_property
    def _places(self) -> pa.Table:
        with self.build.reading():
            return all_rows(self.file, [*_CELL, "pass"])

    def _lines(self, rows: Ints) -> dict[int, Picked]:
        """Some whole rows by their number; only the row groups that have them are read."""
        sizes = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        groups = np.searchsorted(starts, rows, "right") - 1
        picked: dict[int, Picked] = {}
        for group in np.unique(groups).tolist():
            mine = np.sort(rows[groups == group])
            with self.build.reading():
                span = RowSpan(range(group, group + 1), 0, sizes[group])
                table = read_rows(self.file, span, NAMES)
            some = table.take(pa.array(mine - starts[group])).to_pylist()
            picked |= {n: Picked(row, n) for n, row in zip(mine.tolist(), some, strict=True)}
        return picked

    def _members(self, picked: Picked) -> dict[str, bytes]:
        number, slot = self.build.locate(picked.place)
        return self.build.read(number, slot, picked.row["key"])


_CELL = ("source", "task")


def by_cell(table: pa.Table) -> dict[Cell, Ints]:
    """int64[n], rising: the row numbers of each (source, task) in a table with these columns."""
    if not len(table):
        return {}
    source, task = (table[name].combine_chunks().dictionary_encode() for name in _CELL)
    sources, tasks = source.dictionary.to_pylist(), task.dictionary.to_pylist()
    codes = source.indices.to_numpy() * np.int64(len(tasks)) + task.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    distinct, starts = np.unique(codes[order], return_index=True)
    cells = [(sources[code // len(tasks)], tasks[code % len(tasks)]) for code in distinct.tolist()]
    return dict(zip(cells, np.split(order, starts[1:]), strict=True))


@contextmanager
def browsing(out: Folder) -> Iterator[Browser]:
    """Open a finished build for looking. Raises BuildError if there is none or it is damaged."""
    build = open_build(out)
    with build.rows_file() as file:
        yield Browser(build, file)
