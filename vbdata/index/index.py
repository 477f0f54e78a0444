"""Index a source: run its reader's `index`, check what it yields, and store it in two files.

NAME.parquet has the facts that planning asks about, a row an entry (vbdata.index.facts). NAME.arrow
has the entries themselves in the same order, for the workers that make samples of them
(vbdata.index.entries).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.types import Entry, Part, Source
from vbdata.index import joined, processes, reading
from vbdata.index.cache import IndexCache, Traced, made_again
from vbdata.index.entries import Entries, Writer
from vbdata.index.facts import FACTS
from vbdata.index.grouped import GROUP, groups, tables
from vbdata.index.joined import Pool, few_collections
from vbdata.index.reading import dataset_root
from vbdata.index.relabel import countable, filtered_counts, relabel, renaming
from vbdata.index.rows import STORED

__all__ = ["Index", "build_index", "dataset_root", "open_index"]


@dataclass(frozen=True)
class Index:
    """A source's entries, sorted by id.

    facts: in memory, the columns of vbdata.index.facts.FACTS, a row an entry; stored: the entries
    in their file; fingerprint: SHA-256 over the digests of all entries.
    """

    source: Source
    facts: pa.Table
    stored: Entries
    fingerprint: str

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def words(self) -> NDArray[np.uint64]:
        """uint64[entries]: a hash of every entry's id."""
        return np.asarray(self.facts["word"].to_numpy())

    @cached_property
    def vocabulary(self) -> tuple[tuple[str, bool], ...]:
        """All classes of the index as (name, whether it is countable), sorted."""
        pairs = self.class_facts()
        things = {name for name, thing in pairs if thing}
        return tuple(sorted((name, name in things) for name in {name for name, _ in pairs}))

    def class_facts(self) -> set[tuple[str, bool]]:
        """The classes of all entries as (name, whether it is countable there)."""
        facts = pc.list_flatten(self.facts["classes"]).combine_chunks()
        names, things = (pc.struct_field(facts, key) for key in ("name", "thing"))
        return {
            (name, thing)
            for thing, some in (
                (True, names.filter(things)),
                (False, names.filter(pc.invert(things))),
            )
            for name in pc.unique(some).to_pylist()
        }

    @property
    def filtered(self) -> dict[str, int]:
        """What filters of classes and areas changed, by what it is: empty without such filters."""
        return filtered_counts(self.facts)[0]

    @property
    def largest(self) -> int:
        """Pixels of the largest instance under filters of classes and areas, 0 without any."""
        return filtered_counts(self.facts)[1]

    def entries(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Entry]:
        """The entries of some rows, in that order. Raises OSError if they cannot be read."""
        return self.stored.take(rows)

    def faults(self) -> list[Entry]:
        """The entries that the reader found unusable: those with a `fault`."""
        bad = self.facts["fault"].to_numpy(zero_copy_only=False) != ""
        return self.entries(np.flatnonzero(bad))


def build_index(source: Source, folder: Path, pool: Pool | None = None) -> Index:
    """Index a source into folder/NAME.parquet and folder/NAME.arrow, or copy it from the cache.

    pool: where the parts of a large source are indexed, None: in processes of this machine.
    With filters of classes or areas it is that of the reader under them. Raises SourceError if the
    dataset cannot be read, has no records, or its reader yields ids that are not unique and sorted;
    RecipeError for filters that name classes which the data do not have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"{source.name}.parquet", folder / f"{source.name}.arrow"
    mount = plugins.mounts(source.dataset)
    with dataset_root(f"source {source.name!r}", source.roots, mount) as root:
        cache = IndexCache(source.dataset, reading.options(source))
        if not cache.fetch(root, files):
            traced = Traced(root)
            _write(source, traced, files, pool or processes.pool())
            cache.store(traced, files)
    if source.filters.labels:
        _relabel(source, folder, files)
    return open_index(source, folder)


def open_index(source: Source, folder: Path) -> Index:
    """The index of a source, from its two files in a folder. Raises OSError if one is missing."""
    with pq.ParquetFile(folder / f"{source.name}.parquet", pre_buffer=False) as file:
        facts = file.read()  # unlike read_table, this takes no more memory than the columns need
    fingerprint = hashlib.sha256()
    for batch in facts.select(["digest"]).to_batches(GROUP):
        fingerprint.update("".join(batch.column(0).to_pylist()).encode())
    pa.default_memory_pool().release_unused()
    return Index(source, facts, Entries(folder / f"{source.name}.arrow"), fingerprint.hexdigest())


def _relabel(source: Source, folder: Path, files: tuple[Path, Path]) -> None:
    """Put in the place of the reader's index the one under filters of classes and areas."""
    facts = open_index(source, folder)
    vocabulary = countable(facts.class_facts())
    wanted = renaming(source.name, source.filters, vocabulary)
    make = partial(relabel, source.name, wanted, facts.stored)
    made_again(files, wanted.plain(), make)
    pa.default_memory_pool().release_unused()


def _write(source: Source, root: Traced, files: tuple[Path, Path], pool: Pool) -> None:
    """Run the reader, and write the entries that it yields into the two files."""
    for file in files:
        file.unlink(missing_ok=True)  # it may be a hard link into the cache
    parts = reading.parts(source, root)
    if parts is not None and joined.worth_it(source, parts):
        joined.write(source, root, parts, files, pool)
    else:
        _write_here(source, root, parts, files)
    pa.default_memory_pool().release_unused()


def _write_here(
    source: Source, root: Traced, parts: Sequence[Part] | None, files: tuple[Path, Path]
) -> None:
    """Write the entries of all parts, None: of the whole, one after the other."""
    with (
        pq.ParquetWriter(files[0], FACTS) as facts,
        Writer(files[1]) as stored,
        few_collections(),
    ):
        for group in groups(tables(reading.given(source, root, parts))):
            facts.write_table(group.select(FACTS.names))
            stored.write_rows(group.select(STORED.names))
