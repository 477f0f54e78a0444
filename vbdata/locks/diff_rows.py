"""Samples of two builds side by side, from the rows of their manifests, as columns.

Two samples are the same if source, task, record and pass are. Where these four columns differ they
are joined to one string a sample and looked up by hash, once; where they are the same, rows pair up
as they are. Then each other column that differs is read, compared and dropped, one at a time.
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

from vbdata.locks.make import members_by_key
from vbdata.manifest.opened import Build, open_build
from vbdata.manifest.rows import all_rows
from vbdata.storage.folder import Folder

IDENTITY = ("source", "task", "sample_id", "pass")
PLACE = (*IDENTITY, "key", "shard")
# The kind of difference that a column means; those that are not named here are "other".
KIND_OF = {
    "instruction": "prompt",
    **dict.fromkeys(("params", "valid_share", "roundtrip_error"), "target"),
    **dict.fromkeys(("raw_sha256",), "raw files"),
    **dict.fromkeys(("width", "height", "source_width", "source_height"), "size"),
    **dict.fromkeys(("scaled_width", "scaled_height", "crop_left", "crop_top"), "size"),
}
KINDS = ("came", "went", "moved", *dict.fromkeys(KIND_OF.values()), "other")
MEMBERS = "bytes"  # one more kind, if members are read

RowNumbers = NDArray[np.int64]


class Example(NamedTuple):
    """A sample that differs.

    old_key, new_key: its key in each build, "" if it is in only one; what: the column, or the
    members, that differ; old, new: the column's values.
    """

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
    """How many samples differ in one way, with the first few of them as examples."""

    count: int
    examples: list[Example]


class _Side:
    """One of the two builds, and the columns of its rows; those in PLACE are kept once read."""

    def __init__(self, build: Build, file: pq.ParquetFile) -> None:
        self.build, self._file = build, file
        self.columns: list[str] = list(file.schema_arrow.names)
        self._kept: dict[str, pa.Array] = {}

    def column(self, name: str) -> pa.Array:
        """A whole column; strings as large_string, because they may exceed 2 GiB."""
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
        """large_string[n]: one string a sample, equal for the same sample in both builds."""
        columns = [self.column(name).cast(pa.large_string()) for name in IDENTITY]
        return pc.binary_join_element_wise(*columns, pa.scalar("\t", pa.large_string()))

    def named(self, rows: RowNumbers) -> list[tuple[Any, ...]]:
        """(source, task, sample_id, pass, key) of some rows."""
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
    """How many samples of builds a and b differ, by the kinds of difference in KINDS.

    differing: the columns that are not the same as a whole; limit: how many examples of each kind;
    members: whether to compare the bytes of members, too, which adds the kind "bytes". Raises
    BuildError for what is no finished build.
    """
    with _opened(a) as old, _opened(b) as new:
        return _Pairs(old, new, differing, limit).kinds(members)


class _Pairs:
    """The pairs of rows, one of each build, that are the same sample, and the rows without a pair.

    _old_rows, _new_rows: int64[pairs], the row of each pair in either build; _went, _came: the
    rows that only the old, only the new build has.
    """

    def __init__(self, old: _Side, new: _Side, differing: Sequence[str], limit: int) -> None:
        self._old, self._new, self._limit = old, new, limit
        self._compared = [n for n in old.columns if n in new.columns and n not in IDENTITY]
        if not {*differing} & {*IDENTITY}:  # the same samples, row by row
            self._old_rows = self._new_rows = np.arange(len(old.column("key")))
            self._went = self._came = np.empty(0, np.int64)
            self._compared = [name for name in self._compared if name in differing]
            return
        places = pc.index_in(old.identities(), value_set=new.identities())
        in_new = places.is_valid().to_numpy(zero_copy_only=False)
        self._old_rows = np.flatnonzero(in_new)
        self._new_rows = places.drop_null().to_numpy().astype(np.int64)
        in_old = np.zeros(len(new.column("key")), np.bool_)
        in_old[self._new_rows] = True
        self._went, self._came = np.flatnonzero(~in_new), np.flatnonzero(~in_old)

    def kinds(self, members: bool) -> dict[str, Kind]:
        """How many samples differ, by kind; the bytes of members only if `members`."""
        none = np.empty(0, np.int64)
        kinds = {
            "came": self._kind(none, self._came),
            "went": self._kind(self._went, none),
        }
        differ: dict[str, NDArray[np.bool_]] = {}
        first: dict[str, str] = {}
        for name in (name for name in self._compared if name != "shard"):
            kind = "moved" if name == "key" else KIND_OF.get(name, "other")
            mask = self._unequal(name)
            if mask.any():
                first.setdefault(kind, name)
                differ[kind] = differ[kind] | mask if kind in differ else mask
        for kind, mask in differ.items():
            kinds[kind] = self._kind(self._old_rows[mask], self._new_rows[mask], first[kind])
        if members:
            kinds[MEMBERS] = self._members()
        return {kind: kinds.get(kind, Kind(0, [])) for kind in (*KINDS, *([MEMBERS] * members))}

    def _unequal(self, name: str) -> NDArray[np.bool_]:
        old = self._old.column(name).take(self._old_rows)
        new = self._new.column(name).take(self._new_rows)
        mask = pc.not_equal(old, new).fill_null(True)
        return np.asarray(mask.to_numpy(zero_copy_only=False))

    def _kind(self, old_rows: RowNumbers, new_rows: RowNumbers, column: str = "") -> Kind:
        """Rows of either build that differ in a column; empty for a build that has none of them."""
        examples = self._examples(old_rows, new_rows, column)
        return Kind(max(len(old_rows), len(new_rows)), examples)

    def _examples(self, old_rows: RowNumbers, new_rows: RowNumbers, column: str) -> list[Example]:
        sides = ((self._old, old_rows[: self._limit]), (self._new, new_rows[: self._limit]))
        named = [side.named(rows) for side, rows in sides]
        values = [
            side.column(column).take(rows).to_pylist() if column else [] for side, rows in sides
        ]
        return [_example(a, b, column, old, new) for a, b, old, new in zip_longest(*named, *values)]

    def _members(self) -> Kind:
        """Pairs whose members differ, of the shards that are not in both builds."""
        sides = (self._old, self._new)
        shas = [[shard.sha256 for shard in side.build.manifest.shards] for side in sides]
        both = set(shas[0]) & set(shas[1])
        other = [np.array([sha not in both for sha in each]) for each in shas]
        shards = [side.column("shard").to_numpy() for side in sides]
        read = other[0][shards[0][self._old_rows]] | other[1][shards[1][self._new_rows]]
        pairs = (self._old_rows[read], self._new_rows[read])
        digests = [
            members_by_key(side.build, sorted(set(numbers[rows].tolist())))
            for side, numbers, rows in zip(sides, shards, pairs, strict=True)
        ]
        keys = [
            side.column("key").take(rows).to_pylist()
            for side, rows in zip(sides, pairs, strict=True)
        ]
        differ: list[tuple[int, str]] = []
        for number, (a, b) in enumerate(zip(*keys, strict=True)):
            old, new = digests[0][a], digests[1][b]
            if old != new:
                names = sorted(n for n in {*old, *new} if old.get(n) != new.get(n))
                differ.append((number, ", ".join(names)))
        first = np.array([number for number, _ in differ[: self._limit]], np.int64)
        examples = self._examples(pairs[0][first], pairs[1][first], "")
        named = zip(examples, differ, strict=False)
        return Kind(len(differ), [example._replace(what=what) for example, (_, what) in named])


def _example(
    a: tuple[Any, ...] | None, b: tuple[Any, ...] | None, what: str, old: Any, new: Any
) -> Example:
    source, task, sample_id, pass_, _ = a or b or ()
    keys = [side[4] if side else "" for side in (a, b)]
    return Example(source, task, sample_id, pass_, keys[0], keys[1], what, old, new)
