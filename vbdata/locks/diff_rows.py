"""Samples of two builds side by side, from the rows of their manifests: columns, never Python rows.

The same sample is that of the same source, task, record and pass. Strings are joined and looked up
by hash once, unless all four columns are the same; then each other column that is not is read,
compared and let go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata.locks.make import member_digests
from vbdata.manifest.opened import Build, open_build
from vbdata.manifest.rows import all_rows
from vbdata.storage.folder import Folder

IDENTITY = ("source", "task", "sample_id", "pass")
PLACE = (*IDENTITY, "key", "shard")
# What a column says something of; all that are not named here are "other".
SAID = {
    "instruction": "prompt",
    **dict.fromkeys(("params", "valid_share", "roundtrip_error"), "target"),
    **dict.fromkeys(("raw_sha256",), "raw files"),
    **dict.fromkeys(("width", "height", "source_width", "source_height"), "size"),
    **dict.fromkeys(("scaled_width", "scaled_height", "crop_left", "crop_top"), "size"),
}
KINDS = ("came", "went", "moved", *dict.fromkeys(SAID.values()), "other")
MEMBERS = "bytes"  # one more kind, if members are read

RowNumbers = NDArray[np.int64]


class Example(NamedTuple):
    """A sample, its key in each build ("": in none), and what was and is different."""

    source: str
    task: str
    sample_id: str
    pass_: int
    old_key: str
    new_key: str
    what: str = ""
    old: Any = None
    new: Any = None


@dataclass(frozen=True)
class Kind:
    """How many samples differ in one way, and the first of them."""

    count: int
    examples: list[Example]


class _Side:
    """A build's manifest and the columns of its rows, of which those that place a sample stay."""

    def __init__(self, build: Build, file: pq.ParquetFile) -> None:
        self.build, self._file = build, file
        self.columns: list[str] = list(file.schema_arrow.names)
        self._kept: dict[str, pa.Array] = {}

    def column(self, name: str) -> pa.Array:
        """A column as a whole; texts as large_string, as they may exceed 2 GiB."""
        if name in self._kept:
            return self._kept[name]
        with self.build.reading():
            column = all_rows(self._file, [name])[name]
        text = pa.types.is_dictionary(column.type)
        whole = (column.cast(pa.large_string()) if text else column).combine_chunks()
        if name in PLACE:
            self._kept[name] = whole
        return whole

    def identities(self) -> pa.Array:
        """One text for each sample."""
        columns = [self.column(name).cast(pa.large_string()) for name in IDENTITY]
        return pc.binary_join_element_wise(*columns, pa.scalar("\t", pa.large_string()))

    def named(self, rows: RowNumbers) -> list[tuple[Any, ...]]:
        """Identity and key of some rows."""
        columns = [self.column(name).take(rows).to_pylist() for name in (*IDENTITY, "key")]
        return list(zip(*columns, strict=True))


@contextmanager
def _opened(out: Folder) -> Iterator[_Side]:
    build = open_build(out)
    with build.rows_file() as file:
        yield _Side(build, file)


def compare_rows(
    a: Folder, b: Folder, differing: Sequence[str], limit: int, members: bool
) -> dict[str, Kind]:
    """Kind of difference -> how many samples; differing: columns that are not the same as a whole.

    Raises BuildError for what is no build.
    """
    with _opened(a) as old, _opened(b) as new:
        return _Pairs(old, new, differing, limit).kinds(members)


class _Pairs:
    """Which row of the second build is the same sample as which of the first."""

    def __init__(self, old: _Side, new: _Side, differing: Sequence[str], limit: int) -> None:
        self._old, self._new, self._limit = old, new, limit
        self._compared = [n for n in old.columns if n in new.columns and n not in IDENTITY]
        if not {*differing} & {*IDENTITY}:  # row for row the same samples
            self._i = self._j = np.arange(len(old.column("key")))
            self._went = self._came = np.empty(0, np.int64)
            self._compared = [name for name in self._compared if name in differing]
            return
        at = pc.index_in(old.identities(), value_set=new.identities())
        there = at.is_valid().to_numpy(zero_copy_only=False)
        self._i = np.flatnonzero(there)
        self._j = at.drop_null().to_numpy().astype(np.int64)
        known = np.zeros(len(new.column("key")), np.bool_)
        known[self._j] = True
        self._went, self._came = np.flatnonzero(~there), np.flatnonzero(~known)

    def kinds(self, members: bool) -> dict[str, Kind]:
        """All kinds, with members only if asked."""
        nothing = np.empty(0, np.int64)
        found = {
            "came": self._kind(nothing, self._came),
            "went": self._kind(self._went, nothing),
        }
        differ: dict[str, NDArray[np.bool_]] = {}
        first: dict[str, str] = {}
        for name in (name for name in self._compared if name != "shard"):
            kind = "moved" if name == "key" else SAID.get(name, "other")
            mask = self._unequal(name)
            if mask.any():
                first.setdefault(kind, name)
                differ[kind] = differ[kind] | mask if kind in differ else mask
        for kind, mask in differ.items():
            found[kind] = self._kind(self._i[mask], self._j[mask], first[kind])
        if members:
            found[MEMBERS] = self._members()
        return {kind: found.get(kind, Kind(0, [])) for kind in (*KINDS, *([MEMBERS] * members))}

    def _unequal(self, name: str) -> NDArray[np.bool_]:
        old, new = self._old.column(name).take(self._i), self._new.column(name).take(self._j)
        mask = pc.not_equal(old, new).fill_null(True)
        return np.asarray(mask.to_numpy(zero_copy_only=False))

    def _kind(self, i: RowNumbers, j: RowNumbers, column: str = "") -> Kind:
        """How many, and examples; i, j: rows of each side, empty for the side that has none."""
        return Kind(max(len(i), len(j)), self._examples(i, j, column))

    def _examples(self, i: RowNumbers, j: RowNumbers, column: str) -> list[Example]:
        i, j = i[: self._limit], j[: self._limit]
        named = [self._old.named(i), self._new.named(j)]
        values = [
            side.column(column).take(rows).to_pylist() if column else []
            for side, rows in ((self._old, i), (self._new, j))
        ]
        return [_example(a, b, column, old, new) for a, b, old, new in zip_longest(*named, *values)]

    def _members(self) -> Kind:
        """Pairs in shards that are not in both builds, by the digests of their members."""
        sides = (self._old, self._new)
        shas = [[shard.sha256 for shard in side.build.manifest.shards] for side in sides]
        both = set(shas[0]) & set(shas[1])
        other = [np.array([sha not in both for sha in each]) for each in shas]
        shards = [side.column("shard").to_numpy() for side in sides]
        read = other[0][shards[0][self._i]] | other[1][shards[1][self._j]]
        i, j = self._i[read], self._j[read]
        said = [
            _digests(side, sorted(set(numbers[rows].tolist())))
            for side, numbers, rows in zip(sides, shards, (i, j), strict=True)
        ]
        keys = [
            side.column("key").take(rows).to_pylist()
            for side, rows in zip(sides, (i, j), strict=True)
        ]
        differ: list[tuple[int, str]] = []
        for number, (a, b) in enumerate(zip(*keys, strict=True)):
            old, new = said[0][a], said[1][b]
            if old != new:
                names = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
                differ.append((number, ", ".join(names)))
        at = np.array([number for number, _ in differ[: self._limit]], np.int64)
        examples = self._examples(i[at], j[at], "")
        pairs = zip(examples, differ, strict=False)
        return Kind(len(differ), [example._replace(what=what) for example, (_, what) in pairs])


def _example(
    a: tuple[Any, ...] | None, b: tuple[Any, ...] | None, what: str, old: Any, new: Any
) -> Example:
    source, task, sample_id, pass_, _ = a or b or ()
    keys = [side[4] if side else "" for side in (a, b)]
    return Example(source, task, sample_id, pass_, keys[0], keys[1], what, old, new)


def _digests(side: _Side, shards: list[int]) -> dict[str, dict[str, str]]:
    """Digests of all members of some shards, by key and extension."""
    found: dict[str, dict[str, str]] = {}
    for number in shards:
        for key, extension, digest in member_digests(side.build, number):
            found.setdefault(key, {})[extension] = digest
    return found
