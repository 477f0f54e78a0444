"""One shard against its rows: its bytes, members and offsets; whole, or some samples by range.

Whole: the tar is read from end to end. By range: the offsets are checked against the tar's size and
the number of samples, and the chosen samples are read where the offsets say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vbdata.checks.pictures import Doubts
from vbdata.checks.samples import sample_faults
from vbdata.errors import BadSample, BuildError
from vbdata.layout import SUMS, offsets_path
from vbdata.machine.hashing import file_md5, file_sha256
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Image, ShardLine
from vbdata.manifest.rows import UNREADABLE, RowSpan, opened_rows, read_rows
from vbdata.manifest.sums import capped
from vbdata.shard.tar import BLOCK, members
from vbdata.shard.tar_read import END, Offsets, parse_offsets, read_between, read_offsets
from vbdata.storage.folder import Folder

UNREACHABLE = (OSError, BadSample)


class ShardJob(NamedTuple):
    """What checking one shard needs.

    digest: the SHA-256 that its tar must have; rows: where its rows lie; places: which samples to
    read, by their place in the shard, from 0; None for all of them and every byte.
    """

    shard: ShardLine
    digest: str
    rows: RowSpan
    places: tuple[int, ...] | None


class BuildFacts(NamedTuple):
    """What checking every shard of a build needs. rows: the Parquet file; image: the recipe's."""

    out: Folder
    rows: str
    image: Image


class Checked(NamedTuple):
    """The result for one shard. samples: how many were read; bytes: of the tars or ranges read."""

    faults: list[str]
    samples: int
    bytes: int
    doubts: Doubts


def check_shard(build: BuildFacts, job: ShardJob) -> Checked:
    """Check a shard; everything that is wrong with it becomes a sentence, nothing is raised."""
    try:
        with opened_rows(build.out, build.rows) as file:
            columns = ROWS.names if job.places is None or job.places else ["key"]
            table = read_rows(file, job.rows, columns)
    except UNREADABLE as err:
        return Checked([f"{build.rows}: {job.shard.tar}: {_brief(err)}"], 0, 0, Doubts())
    try:
        return _whole(build, job, table) if job.places is None else _some(build, job, table)
    except UNREACHABLE as err:
        return Checked([f"{job.shard.tar}: cannot be read: {_brief(err)}"], 0, 0, Doubts())


def _whole(build: BuildFacts, job: ShardJob, table: pa.Table) -> Checked:
    tar, faults, doubts = job.shard.tar, list[str](), Doubts()
    offsets: list[int] = []
    keys: list[str] = []
    with build.out.local_copy(tar) as path:
        size = path.stat().st_size
        if file_sha256(path) != job.digest:
            faults.append(f"{tar}: its SHA-256 is not the one in {SUMS}")
        if job.shard.md5 not in (None, file_md5(path)):
            faults.append(f"{tar}: its MD5 is not the one in the manifest")
        faults += capped(_read_tar(path, build, job, table, offsets, keys, doubts))
    if keys != table["key"].to_pylist():
        faults.append(f"{tar}: its keys are not those of the manifest's rows, in order")
    faults += _offset_faults(
        build.out, job.shard, np.asarray([*offsets, max(size - END, 0)], np.uint64)
    )
    return Checked(faults, len(keys), size, doubts)


def _read_tar(
    path: Path,
    build: BuildFacts,
    job: ShardJob,
    table: pa.Table,
    offsets: list[int],
    keys: list[str],
    doubts: Doubts,
) -> Iterator[str]:
    """A sentence for each fault of a tar's samples; appends their offsets and keys to the lists."""
    places = {key: place for place, key in enumerate(table["key"].to_pylist())}
    parts: dict[str, bytes] = {}

    def finished() -> Iterator[str]:
        if keys:
            row = _row(table, places.get(keys[-1]))
            for fault in (
                sample_faults(parts, row, build.image, doubts)
                if row
                else ["the manifest has no row of it"]
            ):
                yield f"{job.shard.tar}: {keys[-1]}: {fault}"
        parts.clear()

    try:
        for member in members(path):
            if not keys or keys[-1] != member.key:
                yield from finished()
                keys.append(member.key)
                offsets.append(member.offset)
            if member.extension in parts:
                yield f"{job.shard.tar}: {member.key}: two members {member.extension}"
            parts[member.extension] = member.data
    except ValueError as err:
        yield f"{job.shard.tar}: {err}"
    yield from finished()


def _some(build: BuildFacts, job: ShardJob, table: pa.Table) -> Checked:
    """Check the offsets as far as that is possible without the tar, and the chosen samples."""
    tar, doubts = job.shard.tar, Doubts()
    faults = list(_offset_faults(build.out, job.shard, None))
    if faults or not job.places:
        return Checked(faults, 0, 0, doubts)
    offsets = read_offsets(build.out, tar, job.shard.samples, job.shard.bytes)
    read = 0
    for place in job.places:
        row = _row(table, place) or {}
        first, end = (int(edge) for edge in offsets[place : place + 2])
        try:
            parts = read_between(build.out, tar, first, end, row["key"])
        except BuildError:
            faults.append(f"{tar}: {row['key']} is not where the offsets say")
            continue
        read += sum(map(len, parts.values()))
        of_sample = [*sample_faults(parts, row, build.image, doubts)]
        if end - first != sum(BLOCK + len(data) + -len(data) % BLOCK for data in parts.values()):
            of_sample.append("a member stands twice")
        faults += [f"{tar}: {row['key']}: {fault}" for fault in of_sample]
    return Checked(faults, len(job.places), read, doubts)


def _offset_faults(out: Folder, shard: ShardLine, expected: Offsets | None) -> Iterator[str]:
    """What is wrong with a shard's offsets; expected: those of its tar, if it was read."""
    path = offsets_path(shard.tar)
    if out.size(path) < 0:
        return  # missing, which the check of the listing reports
    try:
        offsets = parse_offsets(
            out.read(path), shard.samples, None if expected is not None else shard.bytes
        )
    except ValueError as err:
        yield f"{path}: {err}"
        return
    if expected is not None and not np.array_equal(offsets, expected):
        yield f"{path}: the offsets are not those of the samples"


def _row(table: pa.Table, place: int | None) -> Mapping[str, Any] | None:
    if place is None:
        return None
    row: Mapping[str, Any] = table.slice(place, 1).to_pylist()[0]
    return row


def _brief(err: BaseException) -> str:
    return f"{type(err).__name__}: {err}" if str(err) else type(err).__name__
