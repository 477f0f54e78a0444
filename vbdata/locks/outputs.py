"""What in a finished build differs from its lock: shards, samples, members, rows, quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vbdata.index.index import Index
from vbdata.layout import QUARANTINE
from vbdata.locks.changes import SHOWN, differing, files_of
from vbdata.locks.lock import SMALL, Lock
from vbdata.locks.make import NAMES, open_indices
from vbdata.manifest.opened import Build, open_build
from vbdata.storage.folder import Folder

# The manifest's rows, by key, of the first few of some keys.
RowLookup = Callable[[Sequence[str]], dict[str, dict[str, Any]]]


def output_differences(old: Lock, new: Lock, out: Folder) -> Iterator[str]:
    """A sentence for each thing that a lock promises and that a finished build has differently.

    old: the lock; new: the build's own; out: its folder, to name files and samples. Raises
    BuildError if the build is damaged.
    """
    bad = _shards(old, new)
    columns = [name for name in old.rows if old.rows[name] != new.rows.get(name)]
    columns += [name for name in new.rows if name not in old.rows]
    if not bad and not columns and len(old.shards) == len(new.shards):
        return
    build = open_build(out)
    rows = _rows_of(build)
    if len(old.shards) != len(new.shards):
        yield f"there are {len(new.shards)} shards, in the lock {len(old.shards)}"
    for number in bad[:SHOWN]:
        tar, a, b = build.manifest.shards[number].tar, old.shards[number], new.shards[number]
        counts = f" ({b.samples} samples, in the lock {a.samples})" * (a.samples != b.samples)
        yield (
            f"shard {number}, {tar}: SHA-256 {b.sha256[:16]}..., in the lock {a.sha256[:16]}..."
            + counts
        )
    if len(bad) > SHOWN:
        yield f"{len(bad) - SHOWN} more of {len(new.shards)} shards have other bytes"
    with open_indices(out, build.document["sources"]) as (indices, _):
        yield from _quarantined(old, new, out)
        yield from _raw(old, new, rows, indices)
    if bad:
        yield from _members(old, new, rows)
    if columns:
        yield f"the manifest's rows differ in {', '.join(columns)}"


def _shards(old: Lock, new: Lock) -> list[int]:
    """The numbers of the shards that both have, but with other bytes."""
    pairs = enumerate(zip(old.shards, new.shards, strict=False))
    return [number for number, (a, b) in pairs if a.sha256 != b.sha256]


def _quarantined(old: Lock, new: Lock, out: Folder) -> Iterator[str]:
    """Records that are quarantined only here, and those that are only in the lock."""
    records = differing(old.quarantine, new.quarantine)
    fresh = {_key(name) for name in (*records.came, *records.changed)}
    lines = [json.loads(text) for text in out.read(QUARANTINE).decode().splitlines()]
    lines = [line for line in lines if line["key"] in fresh]
    for line in lines[:SHOWN]:
        why = f"{line['reason']}: {line['detail']} [{line['file']}]"
        yield f"quarantined, and not so in the lock: {_named(line)}: {why}"
    if len(lines) > SHOWN or not records.whole:
        yield f"{new.quarantine.count} records are quarantined, in the lock {old.quarantine.count}"
    for name in records.went[:SHOWN]:
        yield f"quarantined in the lock, and not so here: {_named_by_sketch(name)}"


def _raw(old: Lock, new: Lock, rows: RowLookup, indices: Mapping[str, Index]) -> Iterator[str]:
    """Samples whose raw files are not the lock's, and keys that have another sample."""
    samples = differing(old.raw, new.raw)
    for row in rows([_key(name) for name in samples.changed]).values():
        index = indices.get(row["source"])
        files = files_of(index, row["sample_id"]) if index else ""
        yield f"the raw files of sample {_named(row)} are not those of the lock{files}"
    if len(samples.changed) > SHOWN:
        yield f"the raw files of {len(samples.changed) - SHOWN} more samples are not the lock's"
    here = rows([_key(name) for name in samples.went])
    for name in sorted(samples.went, key=_key)[:SHOWN]:
        key = _key(name)
        now = f"sample {_named(here[key])}" if key in here else f"there is no sample {key}"
        yield f"{now}, but in the lock {_named_by_sketch(name)}"
    if not samples.whole:
        yield "the raw files of too many samples differ to name all"


def _members(old: Lock, new: Lock, rows: RowLookup) -> Iterator[str]:
    """The first sample whose members differ, and how many there are."""
    if not old.members:
        yield (
            f"a lock of more than {SMALL} samples does not say which members differ; "
            "if its build is at hand, vbdata diff does"
        )
        return
    both = sorted(old.members.keys() & new.members.keys())
    keys = [key for key in both if old.members[key] != new.members[key]]
    for key, row in rows(keys[:1]).items():
        a, b = old.members[key], new.members[key]
        differ = ", ".join(each for each in sorted(a | b) if a.get(each) != b.get(each))
        yield f"the first of {len(keys)} samples that differ is {_named(row)}: {differ}"


def _rows_of(build: Build) -> RowLookup:
    def rows(keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        wanted = sorted(keys)[:SHOWN]
        if not wanted:
            return {}
        table = build.columns(NAMES)
        mask = pc.is_in(table["key"].cast(pa.string()), pa.array(wanted, pa.string()))
        return {row["key"]: row for row in table.filter(mask).to_pylist()}

    return rows


def _key(name: str) -> str:
    return name.rpartition("\t")[2]


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['key']} ({row['source']} / {row['task']}, record {row['sample_id']!r})"


def _named_by_sketch(name: str) -> str:
    """A sample by its name in a sketch, which may be only the end of "source, task, id, key"."""
    *parts, key = name.split("\t")
    return f"{key} ({' / '.join(parts)})"
