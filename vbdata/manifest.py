"""The manifest: what is in a finished build, to one sample, without time, host or path.

manifest.json is canonical JSON; its digest leaves out the environment block. manifest/SPLIT.parquet
has one row a sample and a row group a shard. SHA256SUMS covers every published file.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.jobs import build_digest
from vbdata.nouns import Receipt
from vbdata.plan import Plan
from vbdata.prompts import prompt_digest
from vbdata.storage import Folder

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
QUARANTINE = "quarantine/quarantine.jsonl"

# Versions of what can change bytes.
PACKAGES = (
    "numpy",
    "torch",
    "opencv-python-headless",
    "simplejpeg",
    "deflate",
    "h5py",
    "pycocotools",
    "pyarrow",
)

ROWS = pa.schema(
    [
        ("key", pa.string()),
        ("shard", pa.int32()),
        ("source", pa.string()),
        ("dataset", pa.string()),
        ("task", pa.string()),
        ("sample_id", pa.string()),
        ("group", pa.string()),
        ("license", pa.string()),
        ("pass", pa.int32()),
        ("seed", pa.int64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("source_width", pa.int32()),
        ("source_height", pa.int32()),
        ("scaled_width", pa.int32()),
        ("scaled_height", pa.int32()),
        ("crop_left", pa.int32()),
        ("crop_top", pa.int32()),
        ("blank_input", pa.bool_()),
        ("valid_share", pa.float64()),
        ("instruction", pa.string()),
        ("params", pa.string()),
        ("raw_sha256", pa.string()),
    ]
)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces to spare, in ASCII, with a last newline."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode()


class Tally:
    """Counts receipts as they pass: small, however many there are."""

    def __init__(self) -> None:
        self.realised: Counter[tuple[str, str]] = Counter()
        self.unique: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[tuple[str, str]] = Counter()
        self.replaced: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[str] = Counter()
        self.licenses: Counter[str] = Counter()
        self.shortfall = 0
        self.bytes = 0

    def add(self, receipt: Receipt) -> None:
        """Count one receipt."""
        filled = {sample["key"] for sample in receipt.samples}
        for sample in receipt.samples:
            cell = (sample["source"], sample["task"])
            self.realised[cell] += 1
            self.unique[cell] += sample["pass"] == 0
            self.licenses[sample["license"]] += 1
        for line in receipt.quarantine:
            self.quarantined[line["source"], line["task"]] += 1
            self.reasons[line["reason"]] += 1
        for key, cell in {q["key"]: (q["source"], q["task"]) for q in receipt.quarantine}.items():
            self.replaced[cell] += key in filled
        self.shortfall += len(receipt.shortfall)
        self.bytes += receipt.size


def write_manifest(plan: Plan, receipts: Iterable[Receipt], out: Folder) -> dict[str, Any]:
    """Write rows, quarantine, manifest.json and SHA256SUMS; return the manifest."""
    tally, sums, digests, shards = Tally(), list[tuple[str, str]](), list[str](), list[dict[str, Any]]()
    quarantine = [_index_fault(name, e) for name, i in plan.indices.items() for e in i.faults()]
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        rows = Path(temporary) / "rows.parquet"
        with pq.ParquetWriter(rows, ROWS) as writer:
            for receipt in receipts:
                tally.add(receipt)
                digests.append(receipt.job)
                sums += _shard_sums(receipt, out)
                shards.append(_shard_line(receipt))
                quarantine += receipt.quarantine
                lines = [{**s, "shard": receipt.shard} for s in receipt.samples]
                writer.write_table(pa.Table.from_pylist(lines, ROWS))
        rows_path = f"manifest/{plan.recipe.split}.parquet"
        sums.append((_file_sha256(rows), rows_path))
        out.put(rows, rows_path)
    manifest = _manifest(plan, tally, digests, shards)
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in quarantine).encode()
    for path, data in ((QUARANTINE, text), (MANIFEST, canonical(manifest))):
        out.write(path, data)
        sums.append((hashlib.sha256(data).hexdigest(), path))
    lines = sorted(f"{digest}  {path}\n" for digest, path in sums)
    out.write(SUMS, "".join(sorted(lines, key=lambda line: line[66:])).encode())
    return manifest


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest without its environment block and its digest."""
    kept = {k: v for k, v in manifest.items() if k not in ("environment", "digest")}
    return hashlib.sha256(canonical(kept)).hexdigest()


def _manifest(
    plan: Plan, tally: Tally, digests: Sequence[str], shards: list[dict[str, Any]]
) -> dict[str, Any]:
    recipe = plan.recipe
    manifest = {
        "format": FORMAT,
        "name": recipe.name,
        "split": recipe.split,
        "recipe": recipe.canonical(),
        "recipe_sha256": recipe.digest(),
        "build_sha256": build_digest(digests),
        "samples": sum(tally.realised.values()),
        "bytes": tally.bytes,
        "shortfall": tally.shortfall,
        "cells": list(cell_lines(plan, tally)),
        "sources": [_source_line(plan, name) for name in plan.indices],
        "licenses": dict(sorted(tally.licenses.items())),
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


def cell_lines(plan: Plan, tally: Tally | None = None) -> Iterator[dict[str, Any]]:
    """The mixture, a line a cell: what was asked, what is planned and, with a tally, what is."""
    total = sum((cell.weight for cell in plan.cells), Fraction(0))
    for cell in plan.cells:
        key = (cell.source, cell.task)
        line: dict[str, Any] = {
            "source": cell.source,
            "task": cell.task,
            "requested": f"{float(cell.weight / total * plan.recipe.samples):.4f}",
            "share": f"{float(cell.weight / total):.6f}",
            "apportioned": cell.count,
            "eligible": len(cell.rows),
            "unique": cell.unique,
            "repeated": cell.count - cell.unique,
        }
        if tally is not None:
            line |= {
                "unique": tally.unique[key],
                "repeated": tally.realised[key] - tally.unique[key],
                "realised": tally.realised[key],
                "quarantined": tally.quarantined[key],
                "replaced": tally.replaced[key],
            }
        yield line


def environment() -> dict[str, str]:
    """Versions of everything that can change bytes."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


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
        "fingerprint": index.fingerprint,
        "code": plugins.code_digest(plugins.DATASETS, index.source.dataset),
    }


def _shard_line(receipt: Receipt) -> dict[str, Any]:
    return {
        "tar": receipt.tar,
        "samples": len(receipt.samples),
        "bytes": receipt.size,
        "sha256": receipt.sha256,
        "job_sha256": receipt.job,
    }


def _shard_sums(receipt: Receipt, out: Folder) -> list[tuple[str, str]]:
    index = f"{receipt.tar}.idx"
    return [
        (receipt.sha256, receipt.tar),
        (hashlib.sha256(out.read(index)).hexdigest(), index),
    ]


def _index_fault(source: str, entry: Any) -> dict[str, Any]:
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
