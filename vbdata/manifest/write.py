"""Writes the manifest: what is in a finished build, down to one sample, without time, host or path.

manifest.json is canonical JSON; its digest leaves out the environment block. manifest/SPLIT.parquet
has one row a sample, shard by shard, in row groups of whole shards (planning.row_groups). The files
that other libraries need to open the folder are made from the manifest by vbdata/publish/.
SHA256SUMS covers every published file. All are written line by line: memory does not grow with the
number of shards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.core.prompts import prompt_digest
from vbdata.core.types import Entry
from vbdata.errors import BuildError
from vbdata.jobs.job import Receipt
from vbdata.jobs.specs import planned_tar
from vbdata.layout import HOLDOUT, MANIFEST, QUARANTINE, SUMS, build_digest, rows_path
from vbdata.machine.environment import environment
from vbdata.machine.hashing import file_sha256
from vbdata.manifest.columns import ROWS
from vbdata.manifest.json_text import json_pieces, manifest_digest
from vbdata.manifest.model import FORMAT
from vbdata.manifest.shard_lines import ShardLines
from vbdata.manifest.source_lines import source_line
from vbdata.manifest.tally import Tally, cell_lines
from vbdata.planning.plan import Plan
from vbdata.planning.row_groups import together
from vbdata.storage.filesystems import naming_full_disk
from vbdata.storage.folder import Folder

# Makes other libraries' files, as pieces by path, from a manifest and the SHA-256 of earlier files.
ReaderFiles = Callable[[Mapping[str, Any], Mapping[str, str]], Mapping[str, Iterable[bytes]]]


def write_manifest(
    plan: Plan,
    folder: str,
    receipts: Iterable[Receipt],
    out: Folder,
    reader_files: ReaderFiles = lambda manifest, sums: {},
) -> dict[str, Any]:
    """Write quarantine, rows, manifest.json and SHA256SUMS of a build; return the manifest.

    folder: path of the tars' folder in `out`; receipts: of all shards, in order; reader_files:
    makes what is written beside them for other libraries. Raises BuildError if nothing was built or
    if a larger share than the recipe's max_bad is quarantined: the quarantine is then written, the
    manifest is not.
    """
    tally, shards = Tally(plan), ShardLines(lambda number: planned_tar(plan, number, folder))
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        publisher = _Publisher(out, Path(temporary))
        rows = rows_path(plan.recipe.split)
        with publisher.publishing(QUARANTINE) as quarantine:
            quarantine.writelines(_index_faults(plan))
            with publisher.publishing(rows) as file, pq.ParquetWriter(file, ROWS) as writer:
                for group in together(_counted(receipts, tally, shards, quarantine), len):
                    writer.write_table(pa.Table.from_pylist(list(chain(*group)), ROWS))
                    group.clear()  # so that two row groups are never in memory
        if plan.held.sets:
            publisher.publish(HOLDOUT, [plan.held.table()])
        _refuse_bad(tally, plan.recipe.max_bad)
        manifest = _manifest(plan, tally, shards)
        for path, pieces in reader_files(manifest, publisher.sums).items():
            publisher.publish(path, pieces)
        publisher.publish(MANIFEST, json_pieces(manifest, sort_keys=True))
        sums = merge(shards.sums(), sorted(publisher.sums.items()))
        publisher.publish(SUMS, (f"{digest}  {path}\n".encode() for path, digest in sums))
    return manifest


def _counted(
    receipts: Iterable[Receipt], tally: Tally, shards: ShardLines, quarantine: IO[bytes]
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each shard; its receipt is added to tally, lines and quarantine on the way."""
    for receipt in receipts:
        tally.add(receipt)
        shards.add(receipt)
        quarantine.writelines(map(_line, receipt.quarantine))
        yield [_row(sample, receipt.shard) for sample in receipt.samples]


def _row(sample: Mapping[str, Any], shard: int) -> dict[str, Any]:
    """A sample's row of the manifest, from its receipt, which has more."""
    return {name: shard if name == "shard" else sample[name] for name in ROWS.names}


@dataclass(frozen=True)
class _Publisher:
    """Writes files to a local folder, then puts each into `out` whole. sums: SHA-256 by path."""

    out: Folder
    spool: Path
    sums: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def publishing(self, path: str) -> Iterator[IO[bytes]]:
        """A file to write to, which is published under `path` when the context ends."""
        part = self.spool / path.replace("/", "-")
        with naming_full_disk(self.spool), part.open("wb") as file:
            yield file
        self.sums[path] = file_sha256(part)
        self.out.put(part, path)

    def publish(self, path: str, pieces: Iterable[bytes]) -> None:
        """Publish pieces, one after the other, as the file `path`."""
        with self.publishing(path) as file:
            file.writelines(pieces)


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, sort_keys=True) + "\n").encode()


def _index_faults(plan: Plan) -> Iterator[bytes]:
    for name, index in plan.indices.items():
        for entry in index.faults():
            yield _line(_index_fault(name, entry))


def _refuse_bad(tally: Tally, max_bad: Decimal) -> None:
    """Raise BuildError if nothing was built, or too large a share of the rows is quarantined."""
    bad, made = tally.quarantined.total(), tally.realised.total()
    reasons = tally.causes_in_words()
    if not made:
        raise BuildError(
            f"no sample could be made; {bad} rows are quarantined: {reasons}; see {QUARANTINE}"
        )
    if Decimal(bad) > max_bad * (made + bad):
        raise BuildError(
            f"{bad} of {made + bad} rows that were tried are quarantined ({reasons}), more than "
            f"max_bad = {max_bad} allows; see {QUARANTINE}"
        )


def _manifest(plan: Plan, tally: Tally, shards: ShardLines) -> dict[str, Any]:
    recipe = plan.recipe
    manifest = {
        "format": FORMAT,
        "name": recipe.name,
        "split": recipe.split,
        "recipe": recipe.canonical(),
        "recipe_sha256": recipe.digest(),
        "build_sha256": build_digest(shard["job_sha256"] for shard in shards),
        "samples": sum(tally.realised.values()),
        "bytes": tally.bytes,
        "shortfall": tally.shortfall,
        "cells": list(cell_lines(plan, tally)),
        "sources": [source_line(plan, name) for name in plan.indices],
        "members": dict(sorted(tally.members.items())),
        "roundtrip": tally.roundtrip(),
        "licenses": tally.license_lines(),
        "holdout": plan.held.lines(),
        "quarantine": dict(sorted(tally.reasons.items())),
        "code": {
            "engine": plugins.engine_digest(),
            "prompts": prompt_digest(),
            "tasks": {t: plugins.code_digest(plugins.TASKS, t) for t in _tasks(plan)},
        },
        "shards": shards,
        "environment": environment(),
    }
    return manifest | {"digest": manifest_digest(manifest)}


def _tasks(plan: Plan) -> list[str]:
    return sorted({cell.task for cell in plan.cells})


def _index_fault(source: str, entry: Entry) -> dict[str, Any]:
    reason, _, detail = entry.fault.partition(": ")
    return {
        "source": source,
        "task": "",
        "sample_id": entry.id,
        "stage": "index",
        "reason": reason,
        "detail": detail,
        "file": entry.files["image"].path if "image" in entry.files else "",
        "key": "",
    }
