"""The entries of an index in a file: any of them is read without the others.

An Arrow IPC file, a row an entry, BATCH rows a batch: the entry as JSON, and its annotation record.
Whoever makes a shard reads a few hundred rows of what may be millions, so the file is mapped into
memory only while rows are read: else the pages that were touched would stay in the process. The
file stays open, so a reader is not disturbed by another file that takes its name.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core.types import Entry
from vbdata.index.facts import read_entry
from vbdata.index.rows import BATCH, STORED, written


class Entries:
    """The entries of a file, in the order of the index; `len` and iteration read the file."""

    def __init__(self, path: Path) -> None:
        """Opens the file. Raises OSError."""
        self.path, self._file = path, os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        with self._mapped() as file:
            last = file.num_record_batches - 1
            return last * BATCH + file.get_batch(last).num_rows if last >= 0 else 0

    def __iter__(self) -> Iterator[Entry]:
        with self._mapped() as file:
            for number in range(file.num_record_batches):
                lines, records = (c.to_pylist() for c in file.get_batch(number).columns)
                yield from map(read_entry, lines, records)

    def take(self, rows: Sequence[int] | NDArray[Any]) -> list[Entry]:
        """The entries of some rows, in the order asked for; rows may repeat.

        Raises OSError if the file cannot be read.
        """
        batches, places = np.divmod(np.asarray(rows, np.int64), BATCH)
        order = np.argsort(batches, kind="stable")  # so that each batch is fetched once
        entries: dict[int, Entry] = {}
        columns, loaded = None, -1
        with self._mapped() as file:
            for position, batch, place in zip(
                order.tolist(), batches[order].tolist(), places[order].tolist(), strict=True
            ):
                if batch != loaded:
                    columns, loaded = file.get_batch(batch).columns, batch
                assert columns is not None
                lines, records = columns
                entries[position] = read_entry(lines[place].as_py(), records[place].as_py())
        return [entries[position] for position in range(len(entries))]

    @contextmanager
    def _mapped(self) -> Iterator[pa.ipc.RecordBatchFileReader]:
        mapped = pa.py_buffer(mmap.mmap(self._file, 0, access=mmap.ACCESS_READ))
        with pa.ipc.open_file(mapped) as file:
            yield file


class Writer:
    """Writes a file of entries; a context manager."""

    def __init__(self, path: Path) -> None:
        self._sink = pa.OSFile(str(path), "wb")
        self._file = pa.ipc.new_file(self._sink, STORED)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sink.close()

    def write(self, batch: Sequence[Entry]) -> pa.Table:
        """Add a batch of BATCH entries, or fewer in the last one.

        Returns their facts, of the entries as they will be read: numbers of NumPy have become
        Python's. Raises SourceError for a value that JSON lacks.
        """
        rows = written(batch)
        columns = [rows.lines, rows.records]
        self._file.write_batch(pa.RecordBatch.from_arrays(columns, schema=STORED))
        return rows.facts

    def write_rows(self, rows: pa.Table) -> None:
        """Add entries that are written already, columns of STORED, BATCH rows a batch.

        The number of rows is a multiple of BATCH, but for the last of them.
        """
        for start in range(0, len(rows), BATCH):
            (batch,) = rows.slice(start, BATCH).combine_chunks().to_batches()
            self._file.write_batch(batch)
