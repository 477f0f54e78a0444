"""The manifest: what is in a finished build, to one sample, without time, host or path.

manifest.json is canonical JSON; its digest leaves out the environment block. manifest/SPLIT.parquet
has one row a sample, shard by shard, in row groups of whole shards (vbdata.row_groups). What other
libraries need to open the folder is made from the manifest by vbdata/publish/. SHA256SUMS covers
every published file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.columns import ROWS
from vbdata.environment import environment
from vbdata.errors import BuildError
from vbdata.exclusions import excluded_groups
from vbdata.holdout import HOLDOUT
from vbdata.jobs import build_digest
from vbdata.json_bytes import json_bytes
from vbdata.nouns import Entry, Receipt
from vbdata.plan import Plan
from vbdata.prompts import prompt_digest
from vbdata.publish import reader_files
from vbdata.row_groups import together
from vbdata.storage import Folder
from vbdata.tally import Tally, cell_lines

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
QUARANTINE = "quarantine/quarantine.jsonl"


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces to spare, in ASCII, with a last newline."""
    return json_bytes(value, sort_keys=True)


def write_manifest(plan: Plan, receipts: Iterable[Receipt], out: Folder) -> dict[str, Any]:
    """Write quarantine, rows, manifest.json and SHA256SUMS; return the manifest.

    Raises BuildError, with the quarantine written and no manifest, if nothing was built or more
    than the recipe's max_bad is quarantined.
    """
    tally = Tally(plan)
    sums: dict[str, str] = {}
    shards: list[dict[str, Any]] = []
    quarantine: list[Mapping[str, Any]] = [
        _index_fault(name, entry)
        for name, index in plan.indices.items()
        for entry in index.faults()
    ]

    def counted() -> Iterator[list[dict[str, Any]]]:
        for receipt in receipts:
            tally.add(receipt)
            shards.append(_shard_line(receipt))
            sums.update(_shard_sums(receipt))
            quarantine.extend(receipt.quarantine)
            yield [{**sample, "shard": receipt.shard} for sample in receipt.samples]

    with TemporaryDirectory(prefix="vbdata-") as temporary:
        rows = Path(temporary) / "rows.parquet"
        with pq.ParquetWriter(rows, ROWS) as writer:
            for some in together(counted(), len):
                writer.write_table(pa.Table.from_pylist(list(chain(*some)), ROWS))
        rows_path = f"manifest/{plan.recipe.split}.parquet"
        sums[rows_path] = _file_sha256(rows)
        out.put(rows, rows_path)
    _write_summed(out, QUARANTINE, _lines(quarantine), sums)
    if plan.held.sets:
        _write_summed(out, HOLDOUT, plan.held.table(), sums)
    _judge(tally, plan.recipe.max_bad)
    manifest = _manifest(plan, tally, shards)
    for path, data in reader_files(manifest, sums).items():
        _write_summed(out, path, data, sums)
    _write_summed(out, MANIFEST, canonical(manifest), sums)
    out.write(SUMS, "".join(f"{sums[path]}  {path}\n" for path in sorted(sums)).encode())
    return manifest


def _write_summed(out: Folder, path: str, data: bytes, sums: dict[str, str]) -> None:
    out.write(path, data)
    sums[path] = hashlib.sha256(data).hexdigest()


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows).encode()


def _judge(tally: Tally, max_bad: Decimal) -> None:
    bad, made = tally.quarantined.total(), tally.realised.total()
    reasons = ", ".join(f"{n} {reason}" for reason, n in tally.reasons.most_common())
    if not made:
        raise BuildError(f"no sample could be made; {bad} rows are quarantined: {reasons}")
    if Decimal(bad) > max_bad * (made + bad):
        raise BuildError(
            f"{bad} of {made + bad} rows that were tried are quarantined ({reasons}), more than "
            f"max_bad = {max_bad} allows; see {QUARANTINE}"
        )


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its environment block and its digest."""
    kept = {k: v for k, v in manifest.items() if k not in ("environment", "digest")}
    return hashlib.sha256(canonical(kept)).hexdigest()


def _manifest(plan: Plan, tally: Tally, shards: list[dict[str, Any]]) -> dict[str, Any]:
    recipe = plan.recipe
    manifest = {
        "format": FORMAT,
        "name": recipe.name,
        "split": recipe.split,
        "recipe": recipe.canonical(),
        "recipe_sha256": recipe.digest(),
        "build_sha256": build_digest([shard["job_sha256"] for shard in shards]),
        "samples": sum(tally.realised.values()),
        "bytes": tally.bytes,
        "shortfall": tally.shortfall,
        "cells": list(cell_lines(plan, tally)),
        "sources": [_source_line(plan, name) for name in plan.indices],
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


def _source_line(plan: Plan, name: str) -> dict[str, Any]:
    index = plan.indices[name]
    module = plugins.dataset(index.source.dataset)
    return {
        "source": name,
        "dataset": index.source.dataset,
        "license": module.LICENSE,
        "homepage": module.HOMEPAGE,
        "entries": len(index),
        "faults": len(index.faults()),
        "barred": dict(plan.barred[name]),
        **excluded_groups(plan, name),
        "fingerprint": index.fingerprint,
        "code": plugins.code_digest(plugins.DATASETS, index.source.dataset),
    }


def _shard_line(receipt: Receipt) -> dict[str, Any]:
    return {
        "tar": receipt.tar,
        "samples": len(receipt.samples),
        "bytes": receipt.size,
        "sha256": receipt.sha256,
        "md5": receipt.md5,
        "job_sha256": receipt.job,
    }


def _shard_sums(receipt: Receipt) -> dict[str, str]:
    return {receipt.tar: receipt.sha256, f"{receipt.tar}.idx": receipt.index_sha256}


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


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
