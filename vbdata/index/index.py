"""Index a source: run its reader's `index`, check what it yields, keep it as two files.

NAME.parquet has the facts that planning asks about, one row an entry; NAME.arrow has, in the same
order, the entries themselves, for those who make samples of them (vbdata.index.entries).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.types import Entry, Source
from vbdata.errors import BadSample, SourceError
from vbdata.index.cache import IndexCache, Traced
from vbdata.index.entries import BATCH, Entries, Writer
from vbdata.index.facts import FACTS, fact_row
from vbdata.sources.open import open_root
from vbdata.storage.folder import Root

GROUP = 4096  # rows of the facts that are written, and read, at once


@dataclass(frozen=True)
class Index:
    """A source's entries. facts: columns in memory; stored: the entries in their file."""

    source: Source
    facts: pa.Table
    stored: Entries
    fingerprint: str

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def words(self) -> NDArray[np.uint64]:
        """A 64-bit hash of every entry's id."""
        return np.asarray(self.facts["word"].to_numpy())

    @cached_property
    def vocabulary(self) -> tuple[tuple[str, bool], ...]:
        """All classes of the index as (name, countable), sorted."""
        facts = pc.list_flatten(self.facts["classes"]).combine_chunks()
        names, things = (pc.struct_field(facts, key) for key in ("name", "thing"))
        countable = set(pc.unique(names.filter(things)).to_pylist())
        return tuple(sorted((n, n in countable) for n in pc.unique(names).to_pylist()))

    def entries(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Entry]:
        """The entries of some rows, in that order."""
        return self.stored.take(rows)

    def faults(self) -> list[Entry]:
        """Entries that the reader found unusable."""
        bad = self.facts["fault"].to_numpy(zero_copy_only=False) != ""
        return self.entries(np.flatnonzero(bad))


def build_index(source: Source, folder: Path) -> Index:
    """Index a source into folder/NAME.parquet and folder/NAME.arrow, or take it from the cache.

    Raises SourceError if the dataset cannot be read or its reader breaks the order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"{source.name}.parquet", folder / f"{source.name}.arrow"
    with guarded(f"source {source.name!r}", source.roots, plugins.mounts(source.dataset)) as root:
        cache = IndexCache(source.dataset, source.options)
        if not cache.fetch(root, files):
            traced = Traced(root)
            _write(source, traced, files)
            cache.store(traced, files)
    return open_index(source, folder)


def open_index(source: Source, folder: Path) -> Index:
    """The two files of an index: facts in memory, entries where they are."""
    with pq.ParquetFile(folder / f"{source.name}.parquet", pre_buffer=False) as file:
        facts = file.read()  # in few chunks and, unlike read_table, in no more than their size
    fingerprint = hashlib.sha256()
    for batch in facts.select(["digest"]).to_batches(GROUP):
        fingerprint.update("".join(batch.column(0).to_pylist()).encode())
    pa.default_memory_pool().release_unused()
    return Index(source, facts, Entries(folder / f"{source.name}.arrow"), fingerprint.hexdigest())


def _write(source: Source, root: Root, files: tuple[Path, Path]) -> None:
    """Run the reader, and write what it yields as two files."""
    for file in files:
        file.unlink(missing_ok=True)  # it may be linked to the cache's
    with pq.ParquetWriter(files[0], FACTS) as facts, Writer(files[1]) as stored:
        entries = _checked(source, root)
        while group := list(islice(_tables(entries, stored), GROUP // BATCH)):
            facts.write_table(pa.concat_tables(group))
    pa.default_memory_pool().release_unused()


def _tables(entries: Iterator[Entry], stored: Writer) -> Iterator[pa.Table]:
    """Store entries, BATCH at a time, for their Python objects are large; their facts."""
    while batch := list(islice(entries, BATCH)):
        yield pa.Table.from_pylist([fact_row(entry) for entry in stored.write(batch)], FACTS)


def _checked(source: Source, root: Root) -> Iterator[Entry]:
    """The reader's entries, refused unless sorted by unique ids."""
    last = None
    for entry in plugins.dataset(source.dataset).index(root, **source.options):
        if last is not None and entry.id <= last:
            raise SourceError(
                f"reader {source.dataset!r} yields id {entry.id!r} after {last!r}; "
                "ids must be unique and sorted"
            )
        last = entry.id
        yield entry
    if last is None:
        raise SourceError("no records")


@contextmanager
def guarded(what: str, roots: Sequence[str], mount: bool = True) -> Iterator[Root]:
    """Roots as one, while a data set as a whole is read: what fails names it and the place."""
    place = ", ".join(roots)
    try:
        yield open_root(roots, mount=mount)
    except (BadSample, SourceError, OSError, ValueError, RuntimeError, ImportError) as err:
        name = "" if isinstance(err, BadSample | SourceError) else f"{type(err).__name__}: "
        raise SourceError(f"{what} at {place}: {name}{err}") from err
