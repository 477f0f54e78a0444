"""Build one shard: a pure function from a job to a tar and its receipt.

Knows nothing of Ray, other shards or hosts, and no clock reaches a byte. A damaged record is put
into the receipt's quarantine and the next spare of its cell takes the slot.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

from vbdata import plugins
from vbdata.errors import BadSample
from vbdata.jobs.job import Job, Receipt, Row
from vbdata.layout import offsets_path
from vbdata.machine.environment import environment
from vbdata.machine.stages import Clock, stage
from vbdata.shard import heartbeat, prefetch
from vbdata.shard.receipt import write_receipt
from vbdata.shard.reuse import Counts, copied
from vbdata.shard.sample import Loaded, Made, load_row, make_sample
from vbdata.shard.tar import TarWriter
from vbdata.sources.open import open_root
from vbdata.sources.timed import Timed
from vbdata.storage.folder import Folder, Root


def build_shard(
    job: Job, out: Folder, device: str = "cpu", threads: int = prefetch.THREADS
) -> Receipt:
    """Write the tar, its offsets and, last, its receipt; return the receipt.

    threads: that load records ahead from storage that is far away.
    """
    clock = Clock()
    with clock.bind():
        receipt = _built(job, out, device, clock, threads)
    return replace(receipt, spent=clock.spent())


def _built(job: Job, out: Folder, device: str, clock: Clock, threads: int) -> Receipt:
    roots = {
        source: Timed(open_root(urls, mount=plugins.mounts(job.datasets[source])))
        for source, urls in job.roots.items()
    }
    samples: list[dict[str, Any]] = []
    quarantine: list[dict[str, Any]] = []
    shortfall: list[int] = []
    counts: Counts = Counter()
    spares = {
        cell: [s for s in job.spares if s.cell == cell] for cell in {r.cell for r in job.rows}
    }
    with TemporaryDirectory(prefix="vbdata-", dir=_spool(job, out)) as temporary:
        path = Path(temporary) / "shard.tar"

        def load_one(row: Row) -> Loaded:
            return load_row(row, job, roots[row.source])

        with TarWriter(path) as tar, prefetch.prefetched(job, load_one, clock, threads) as load:
            for row in job.rows:
                with clock.bind(*row.cell):
                    left = spares[row.cell]
                    made = _first_good(row, left, job, roots, load, device, quarantine, counts)
                    if made is None:
                        shortfall.append(row.slot)
                        continue
                    tar.add(job.key(row.slot), made.members)
                samples.append({"key": job.key(row.slot)} | made.facts)
        index = tar.index()
        with stage("upload", tar.size):
            out.write(offsets_path(job.tar), index)
            out.put(path, job.tar)
    receipt = Receipt(
        job=job.digest,
        shard=job.shard,
        tar=job.tar,
        sha256=tar.sha256,
        md5=tar.md5,
        size=tar.size,
        index_sha256=hashlib.sha256(index).hexdigest(),
        environment=environment(),
        samples=tuple(samples),
        quarantine=tuple(quarantine),
        shortfall=tuple(shortfall),
        reuse=dict(counts),
    )
    with stage("upload"):
        write_receipt(out, receipt)
    return receipt


def _spool(job: Job, out: Folder) -> str | None:
    """Spool beside the final file where that is a local disk, so that a rename is enough."""
    if not out.local:
        return None
    folder = os.path.dirname(out.at(job.tar))
    os.makedirs(folder, exist_ok=True)
    return folder


def _first_good(
    row: Row,
    spares: list[Row],
    job: Job,
    roots: Mapping[str, Root],
    load: prefetch.Load,
    device: str,
    quarantine: list[dict[str, Any]],
    counts: Counts,
) -> Made | None:
    """The planned sample, or that of the first spare of its cell that is not damaged."""
    attempt: Row | None = row
    while attempt is not None:
        stage = "load"
        try:
            with _Named(attempt):
                if attempt.row_id in job.poison:
                    stage = job.poison[attempt.row_id]
                    raise _poison_fault(attempt)
                heartbeat.step(attempt, stage)
                if made := copied(attempt, job, roots[attempt.source], counts):
                    return made
                loaded = load(attempt)
                stage = "render"
                heartbeat.step(attempt, stage)
                return make_sample(attempt, loaded, job, device)
        except BadSample as bad:
            quarantine.append(_quarantine_line(attempt, row.slot, job, stage, bad))
        attempt = replace(spares.pop(0), slot=row.slot) if spares else None
    return None


def _poison_fault(row: Row) -> BadSample:
    """What is known of a row that ends its process: the same on every machine."""
    files = {kind: file.path for kind, file in row.entry.files.items()}
    named = files.get("image") or next(iter(files.values()), "")
    return BadSample("poison record", "its process ended without a word, alone as well", named)


class _Named:
    """Whatever goes wrong inside carries the name of the record."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"{' / '.join(self._row.cell)}, record {self._row.entry.id!r}")


def _quarantine_line(row: Row, slot: int, job: Job, stage: str, bad: BadSample) -> dict[str, Any]:
    return {
        "source": row.source,
        "task": row.task,
        "sample_id": row.entry.id,
        "stage": stage,
        "reason": bad.reason,
        "detail": bad.detail,
        "file": bad.file,
        "key": job.key(slot),
    }
