"""Build one shard: a pure function from a job to a tar and its receipt.

It knows nothing of Ray, other shards or hosts, and no clock reaches a byte. A damaged record goes
into the receipt's quarantine, and the next spare of its cell takes its slot.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vbdata import plugins
from vbdata.core.types import Cell
from vbdata.errors import BadSample
from vbdata.jobs.job import Job, Receipt, Row, row_text
from vbdata.layout import offsets_path
from vbdata.machine.environment import environment
from vbdata.machine.stages import Clock, stage
from vbdata.shard import heartbeat, prefetch
from vbdata.shard.made import Made
from vbdata.shard.receipt import write_receipt
from vbdata.shard.reuse import Counts, copied
from vbdata.shard.sample import Loaded, load_row, make_sample
from vbdata.shard.tar import TarWriter
from vbdata.sources.open import open_root
from vbdata.sources.timed import Timed
from vbdata.storage.folder import Folder, Root


def build_shard(
    job: Job, out: Folder, device: str = "cpu", threads: int = prefetch.THREADS
) -> Receipt:
    """Build the shard of a job: write its tar, the offsets and, last, the receipt; return that.

    device: where labels are rendered, a torch device; threads: that load records ahead where raw
    data is remote (vbdata.shard.prefetch). Raises OSError if raw data cannot be read or nothing
    can be written. Any other exception is a bug in a plug-in, with a note that names the record.
    """
    clock = Clock()
    with clock.bind():
        shard = _Shard(job, device)
        with TemporaryDirectory(prefix="vbdata-", dir=_spool(job, out)) as folder:
            path = Path(folder) / "shard.tar"
            tar = shard.written(path, clock, threads)
            offsets = tar.index()
            with stage("upload", tar.size):
                out.write(offsets_path(job.tar), offsets)
                out.put(path, job.tar)
        receipt = shard.receipt(tar, hashlib.sha256(offsets).hexdigest())
        with stage("upload"):
            write_receipt(out, receipt)
    return replace(receipt, spent=clock.spent())


class _Shard:
    """A shard in work: where its records are read, and what has become of its rows so far."""

    def __init__(self, job: Job, device: str) -> None:
        self._job, self._device = job, device
        self._roots: dict[str, Root] = {
            source: Timed(open_root(urls, mount=plugins.mounts(job.datasets[source])))
            for source, urls in job.roots.items()
        }
        self._spares: dict[Cell, deque[Row]] = {
            cell: deque(spare for spare in job.spares if spare.cell == cell)
            for cell in {row.cell for row in job.rows}
        }
        self._samples: list[dict[str, Any]] = []
        self._quarantine: list[dict[str, Any]] = []
        self._shortfall: list[int] = []
        self._counts: Counts = Counter()

    def written(self, path: Path, clock: Clock, threads: int) -> TarWriter:
        """Make all samples and write them into a tar, which is closed when it is returned."""

        def load_one(row: Row) -> Loaded:
            return load_row(row, self._job, self._roots[row.source])

        prefetched = prefetch.prefetched(self._job, load_one, clock, threads)
        with TarWriter(path) as tar, prefetched as load:
            for row in self._job.rows:
                with clock.bind(*row.cell):
                    self._fill(row, load, tar)
        return tar

    def receipt(self, tar: TarWriter, index_sha256: str) -> Receipt:
        """The receipt of the finished tar."""
        job = self._job
        return Receipt(
            job=job.digest,
            shard=job.shard,
            tar=job.tar,
            sha256=tar.sha256,
            size=tar.size,
            index_sha256=index_sha256,
            environment=environment(),
            samples=tuple(self._samples),
            quarantine=tuple(self._quarantine),
            shortfall=tuple(self._shortfall),
            reuse=dict(self._counts),
        )

    def _fill(self, row: Row, load: prefetch.Load, tar: TarWriter) -> None:
        """Fill a slot with the planned row, or with the first spare of its cell that is good."""
        key, spares = self._job.key(row.slot), self._spares[row.cell]
        made = self._made(row, load)
        while made is None and spares:
            made = self._made(replace(spares.popleft(), slot=row.slot), load)
        if made is None:
            self._shortfall.append(row.slot)
            return
        sums = tar.add(key, made.members, made.drawn.pictures)
        self._samples.append({"key": key} | made.line(sums))

    def _made(self, row: Row, load: prefetch.Load) -> Made | None:
        """The sample of a row; None, and a line in the quarantine, if its record is damaged."""
        job, stage = self._job, "load"
        try:
            if row.row_id in job.poison:  # not even read: reading may be what ends the process
                stage = job.poison[row.row_id]
                raise _poison_fault(row)
            heartbeat.beat(row, stage)
            if job.reuse and (made := copied(row, job, self._roots[row.source], self._counts)):
                return made
            loaded = load(row)
            stage = "render"
            heartbeat.beat(row, stage)
            return make_sample(row, loaded, job, self._device)
        except BadSample as bad:
            self._quarantine.append(_quarantine_line(row, job, stage, bad))
            return None
        except BaseException as err:
            err.add_note(row_text(row.row_id))
            raise


def _spool(job: Job, out: Folder) -> str | None:
    """Where the tar is written first: beside its place on a local disk, so that a rename will do.

    None for a store: the tar is then spooled to TMPDIR and uploaded whole.
    """
    if not out.local:
        return None
    folder = os.path.dirname(out.full_path(job.tar))
    os.makedirs(folder, exist_ok=True)
    return folder


def _poison_fault(row: Row) -> BadSample:
    """The fault of a poison record, in words that are the same on every machine.

    How the process ended is not told: signals and exit codes differ, and the receipt's bytes would.
    """
    files = {kind: file.path for kind, file in row.entry.files.items()}
    named = files.get("image") or next(iter(files.values()), "")
    return BadSample("poison record", "its process ended without a word, alone as well", named)


def _quarantine_line(row: Row, job: Job, stage: str, bad: BadSample) -> dict[str, Any]:
    """A damaged record as the quarantine has it, under the key of the slot that it was tried in."""
    return {
        "source": row.source,
        "task": row.task,
        "sample_id": row.entry.id,
        "stage": stage,
        "reason": bad.reason,
        "detail": bad.detail,
        "file": bad.file,
        "key": job.key(row.slot),
    }
