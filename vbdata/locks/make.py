"""Makes the lock of a finished build from its folder alone, and parts of a lock from a plan."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.core import prompts
from vbdata.core.reversal import words_of
from vbdata.core.types import Source
from vbdata.errors import BadSample, BuildError
from vbdata.index.index import Index, open_index
from vbdata.layout import INDEX, MANIFEST, PLAN, QUARANTINE, TRACE
from vbdata.locks import lock
from vbdata.locks.lock import SMALL, Lock
from vbdata.locks.sketch import SHORT, Digests, Sketch
from vbdata.manifest.opened import Build, open_build
from vbdata.manifest.stored import damaged, intact
from vbdata.shard.tar import members
from vbdata.storage.folder import Folder

AGAIN = "build it again, which goes on from what is finished"
BATCH = 1 << 16  # rows in memory at once
NAMES = ("source", "task", "sample_id", "key")  # columns that, joined, name a sample in a sketch
MEMBER = 8  # hex digits of a member's digest


def make_lock(out: Folder) -> Lock:
    """The lock of the finished build in a folder.

    Raises BuildError if there is none, if its files are damaged, or if the indices in its folder
    are not those that it was made with.
    """
    build = open_build(out)
    build.check(build.manifest.rows)
    build.check(QUARANTINE)
    manifest = build.document
    rows, raw = _rows(build)
    lines = manifest["sources"]
    with open_indices(out, lines) as (indices, folder):
        sources = [source_part(line, indices.get(line["source"]), folder) for line in lines]
    read = range(len(build.manifest.shards) if len(build) <= SMALL else 0)
    parts = {
        "format": lock.FORMAT,
        **{key: manifest[key] for key in ("name", "split", "recipe", "recipe_sha256")},
        **{key: manifest[key] for key in ("samples", "bytes", "environment")},
        "holdout": [held_part(line) for line in manifest["holdout"]],
        "sources": sources,
        "plan_sha256": _plan_sha256(out),
        "code": code_part(manifest["code"]),
        "cells": [
            lock.LockedCell(source=c["source"], task=c["task"], samples=c["realised"])
            for c in manifest["cells"]
        ],
        "rows": rows,
        "raw": raw,
        "quarantine": _quarantine(out),
        "shards": [_shard_part(line) for line in manifest["shards"]],
        "members": members_by_key(build, read),
    }
    made = Lock(**parts)
    return made.model_copy(update={"digest": made.own_digest()})


@contextmanager
def open_indices(
    out: Folder, lines: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[dict[str, Index], Path]]:
    """The indices in a build's folder, by source, and the local folder that has them and traces.

    lines: the manifest's, of sources; one whose index is no longer there is left out. Raises
    BuildError if an index is of another state of the data than the manifest.
    """
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        folder = Path(out.full_path(INDEX)) if out.local else Path(temporary)
        indices = {}
        for line in lines:
            name = line["source"]
            facts, records, trace = (
                f"{INDEX}/{name}{ending}" for ending in (".parquet", ".arrow", TRACE)
            )
            if not out.exists(facts) or not out.exists(records):
                continue
            if not out.local:
                for file in filter(out.exists, (facts, records, trace)):
                    with out.local_copy(file) as copy:
                        shutil.copyfile(copy, folder / Path(file).name)
            source = Source(name=name, dataset=line["dataset"], roots=(), tasks={})
            with intact(out, facts, AGAIN):
                indices[name] = open_index(source, folder)
                len(indices[name])
            if indices[name].fingerprint != line["fingerprint"]:
                raise damaged(out, f"{facts} is of another state of the data than {MANIFEST}")
        yield indices, folder


def source_part(
    line: Mapping[str, Any], index: Index | None, folder: Path | None
) -> lock.LockedSource:
    """A lock's part of a source, from the manifest's line, its index and its trace's folder."""
    keys = ("source", "dataset", "license", "entries", "faults", "fingerprint", "code")
    trace = folder / f"{line['source']}{TRACE}" if folder else None
    return lock.LockedSource(
        **{key: line[key] for key in keys},
        records=_records(index) if index is not None else None,
        files=_files(trace) if trace and trace.exists() else None,
    )


def _records(index: Index) -> Digests:
    sketch = Sketch()
    for start in range(0, len(index), BATCH):
        part = index.facts.slice(start, BATCH)
        sketch.add(part["id"].to_pylist(), part["digest"].to_pylist())
    return sketch.digests()


def _files(trace: Path) -> Digests:
    """Digests of the files that a reader read whole to make its index."""
    try:
        lines = json.loads(trace.read_text())
        read = {line[1]: line[-1] for line in lines if line[0] in ("read", "whole")}
        sketch = Sketch()
        sketch.add(list(read), list(read.values()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
        raise BuildError(f"{trace}: cannot be read: {type(err).__name__}; {AGAIN}") from err
    return sketch.digests()


def held_part(line: Mapping[str, Any]) -> lock.Held:
    """A lock's part of a held-out set, from the manifest's line."""
    return lock.Held(set=line["set"], groups=line["groups"], sha256=line["sha256"])


def code_part(code: Mapping[str, Any]) -> lock.Code:
    """A lock's part of the code, from the manifest's block.

    Single modules and templates are given only if their wholes are what is installed here.
    """
    modules, templates = {}, {}
    if code["engine"] == plugins.engine_digest():
        modules = {name: digest[:SHORT] for name, digest in plugins.engine_files().items()}
    if code["prompts"] == prompts.prompt_digest():
        templates = {task: _wording(task) for task in code["tasks"] if "." not in task}
    return lock.Code(
        engine=code["engine"],
        prompts=code["prompts"],
        tasks=code["tasks"],
        modules=modules,
        templates=templates,
    )


def _wording(task: str) -> str:
    """A digest of what a task's template file says, whatever its layout and comments."""
    words = prompts.wording(words_of(task))
    phrases = sorted((key, sorted(value.items())) for key, value in words.phrases.items())
    content = (words.version, sorted(words.slots), words.templates, words.turns, phrases)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:SHORT]


def plan_sha256(path: Path) -> str:
    """SHA-256, in hex, of the rows of a plan, however its Parquet file is encoded."""
    with pq.ParquetFile(path) as file:
        columns = _Columns(file.schema_arrow.names)
        for batch in file.iter_batches(BATCH):
            columns.add(batch)
    return hashlib.sha256(json.dumps(columns.digests(), sort_keys=True).encode()).hexdigest()


def _plan_sha256(out: Folder) -> str:
    if not out.exists(PLAN):
        return ""
    with intact(out, PLAN, AGAIN), out.local_copy(PLAN) as path:
        return plan_sha256(path)


class _Columns:
    """SHA-256 of each column of a Parquet file: of its values, and of the lengths of strings."""

    def __init__(self, names: Iterable[str]) -> None:
        self._digests = {name: (hashlib.sha256(), hashlib.sha256()) for name in names}

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the next rows; how rows are cut into batches does not change the digests."""
        for name, digests in self._digests.items():
            for digest, data in zip(digests, _values(batch[name]), strict=True):
                digest.update(data)

    def digests(self) -> dict[str, str]:
        """The SHA-256, in hex, of each column over all rows so far."""
        pairs = {n: a.digest() + b.digest() for n, (a, b) in self._digests.items()}
        return {name: hashlib.sha256(pair).hexdigest() for name, pair in pairs.items()}


def _values(column: pa.Array) -> tuple[bytes, bytes]:
    """The lengths and the bytes of a column's strings, or b"" and its numbers, little-endian."""
    if column.null_count:
        raise BuildError(
            f"a column of the rows has {column.null_count} nulls, which vbdata never writes"
        )
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not pa.types.is_string(column.type):
        numbers = column.to_numpy(zero_copy_only=False)
        return b"", numbers.astype(numbers.dtype.newbyteorder("<")).tobytes()
    offsets = np.frombuffer(column.buffers()[1], "<i4")
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    text = column.buffers()[2]
    data = text[int(offsets[0]) : int(offsets[-1])].to_pybytes() if text else b""
    return np.diff(offsets).astype("<i4").tobytes(), data


def _rows(build: Build) -> tuple[dict[str, str], Digests]:
    """Digests of the columns of the rows, and of each sample's raw files, by NAMES."""
    raw = Sketch()
    with build.rows_file() as file, build.reading():
        columns = _Columns(file.schema_arrow.names)
        for batch in file.iter_batches(BATCH):
            columns.add(batch)
            names = (batch[name].cast(pa.string()) for name in NAMES)
            joined = pc.binary_join_element_wise(*names, "\t")
            raw.add(joined.to_pylist(), batch["raw_sha256"].to_pylist())
    return {name: digest[:SHORT] for name, digest in columns.digests().items()}, raw.digests()


def _quarantine(out: Folder) -> Digests:
    """Digests of why records were quarantined, by NAMES. Raises BuildError for a damaged file."""
    reasons = {}
    with intact(out, QUARANTINE):
        for text in out.read(QUARANTINE).decode().splitlines():
            line = json.loads(text)
            name = "\t".join(line[key] for key in NAMES)
            reasons[name] = hashlib.sha256(line["reason"].encode()).hexdigest()
    sketch = Sketch()
    sketch.add(list(reasons), list(reasons.values()))
    return sketch.digests()


def _shard_part(line: Mapping[str, Any]) -> lock.LockedShard:
    return lock.LockedShard(
        sha256=line["sha256"],
        samples=line["samples"],
        bytes=line["bytes"],
        job=line["job_sha256"][:SHORT],
    )


def members_by_key(build: Build, shards: Iterable[int]) -> dict[str, dict[str, str]]:
    """The first 8 hex digits of the SHA-256 of every sample's files, by key and extension.

    shards: numbers of the shards that are read. Raises BuildError if one is damaged.
    """
    digests: dict[str, dict[str, str]] = {}
    for number in shards:
        for key, extension, digest in _member_digests(build, number):
            digests.setdefault(key, {})[extension] = digest
    return digests


def _member_digests(build: Build, number: int) -> Iterator[tuple[str, str, str]]:
    try:
        with build.tar(number) as path:
            for member in members(path):
                digest = hashlib.sha256(member.data).hexdigest()[:MEMBER]
                yield member.key, member.extension, digest
    except (BadSample, ValueError) as err:
        raise build.damaged(f"{build.manifest.shards[number].tar}: {err}") from err
