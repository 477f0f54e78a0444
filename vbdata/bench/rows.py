"""The queries of an enumerated build, each with the keys of its votes, and their raw truth.

Truth is read from the raw data at its own size, not from the build's targets: depth there is
quantised, and targets lack instances that no answer can show. Which records there are, and what
filters make of them, is read from the build's own index.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.core.labels import Segments
from vbdata.core.relabel import relabelled
from vbdata.core.types import Entry, Geometry
from vbdata.engine.folder import recorded_recipe
from vbdata.errors import BuildError
from vbdata.evaluation.truth import Row
from vbdata.index.entries import Entries
from vbdata.layout import INDEX
from vbdata.manifest.opened import Build, open_build
from vbdata.plugins.contract import MASKS, TRUTHS
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder, Root

COLUMNS = (
    *("key", "source", "dataset", "task", "sample_id", "group", "pass", "params"),
    *("source_width", "source_height"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a record.

    number: among those of its record and task, from 0; votes: a row of the manifest for each time
    that it is asked, with the geometry of the whole source image.
    """

    source: str
    task: str
    sample_id: str
    number: int
    votes: tuple[Row, ...]

    @property
    def row(self) -> Row:
        """The row of the first vote."""
        return self.votes[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the source image, at which answers are scored."""
        return self.row.geometry.source


@dataclass
class Rows:
    """The queries of a finished enumerated build, in its order; may be pickled.

    roots: source -> where raw data lies, if no longer where the build read it.
    """

    build: Build
    roots: Mapping[str, tuple[str, ...]]
    queries: list[Query] = field(default_factory=list)

    @classmethod
    def of(cls, out: Folder, roots: Mapping[str, Sequence[str]]) -> Rows:
        """Open a build. Raises BuildError if it is none, or none that enumerates its queries."""
        build = open_build(out)
        votes = build.manifest.recipe.votes
        if not votes:
            raise BuildError(f"{out.url}: its samples were drawn; a benchmark has `samples: all`")
        recorded = recorded_recipe(out, roots)
        given = {source.name: source.roots for source in recorded.sources}
        return cls(build, given, list(_queries(build, votes)))

    @property
    def keys(self) -> list[str]:
        """The keys of all samples, rising."""
        return [row.key for query in self.queries for row in query.votes]

    def entry(self, query: Query) -> Entry:
        """The record of a query, without what the query does not mean."""
        digest = self.build.document["digest"]  # so that another build of the place is read anew
        entries, places = _index(self.build.folder.full_path(INDEX), query.source, digest)
        (entry,) = entries.take([places[query.sample_id]])
        return plugins.narrowed(query.task, entry, query.number)

    def truths(self, query: Query, entry: Entry) -> tuple[Any, ...]:
        """The raw labels of a query, at the source's size: several where several were annotated.

        Segments whose reader has their masks as the file has them come as (segments, masks).
        Raises BadSample if the record is damaged by now, OSError if it cannot be read.
        """
        needs = [need for need in plugins.task(query.task).NEEDS if need != "image"]
        kind, *others = (plugins.kind_in(entry.labels, need) for need in needs)
        several = tuple(each for each in (TRUTHS, MASKS) if each in entry.labels)
        reader = plugins.dataset(query.row.dataset)
        root = _opened(self.roots[query.source], plugins.mounts(query.row.dataset))
        sample = reader.load(root, entry, (kind, *others, *several))
        labels = sample.labels[TRUTHS] if TRUTHS in several else (sample.labels[kind],)
        found = tuple(
            relabelled(label, entry) if isinstance(label, Segments) else label for label in labels
        )
        if MASKS not in several or kind != "segments":
            return found
        return tuple(zip(found, sample.labels[MASKS], strict=True))


def _queries(build: Build, votes: int) -> Iterator[Query]:
    """The queries of a build. A vote that was quarantined is missing in its query."""
    found: dict[tuple[str, str, str, int], list[Row]] = {}
    for raw in build.columns(COLUMNS).to_pylist():
        size = (raw["source_width"], raw["source_height"])
        names = ("key", "source", "dataset", "task", "sample_id", "group")
        row = Row(
            **{name: raw[name] for name in names},
            geometry=Geometry(
                source=size, scaled=size, left=0, top=0, width=size[0], height=size[1]
            ),
            params=json.loads(raw["params"]),
        )
        place = (row.source, row.task, row.sample_id, raw["pass"] // votes)
        found.setdefault(place, []).append(row)
    for (source, task, sample_id, number), rows in found.items():
        yield Query(source=source, task=task, sample_id=sample_id, number=number, votes=tuple(rows))


@functools.lru_cache(maxsize=64)
def _index(folder: str, source: str, digest: str) -> tuple[Entries, dict[str, int]]:
    """The entries of a build's source, and the place of each by its id. Raises BuildError."""
    try:
        ids = pq.read_table(f"{folder}/{source}.parquet", columns=["id"])["id"].to_pylist()
        return Entries(Path(f"{folder}/{source}.arrow")), {name: k for k, name in enumerate(ids)}
    except OSError as err:
        raise BuildError(
            f"{folder}: the index of {source} cannot be read ({err}); build it again, which keeps "
            "what is finished"
        ) from err


@functools.lru_cache(maxsize=64)
def _opened(urls: tuple[str, ...], mount: bool) -> Root:
    return open_root(urls, mount=mount)
