"""A few records of each cell, read, rendered and decoded again as a build would, and timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vbdata import plugins
from vbdata.core.types import Entry
from vbdata.engine.looks import DepthSeen
from vbdata.errors import BadSample
from vbdata.index.facts import entry_digest
from vbdata.jobs.job import Job, Row
from vbdata.jobs.specs import ShardSpecs, context_of, make_job
from vbdata.machine.process import one_thread
from vbdata.planning.mixture import draw
from vbdata.planning.plan import Plan, PlannedCell
from vbdata.shard.sample import Labelled, load_row, make_sample
from vbdata.sources.open import open_root

BLOCK = 512  # bytes that a tar rounds its members up to, and that a header of one takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of some records of a cell.

    tried: how many were read; faults: "id: what is wrong" of each damaged one; reasons: how many of
    those by reason; seconds: that each good one took in one thread, reading included; sizes: its
    bytes in a shard's tar; depth: the range of depth in words, "" for other labels.
    """

    source: str
    task: str
    tried: int
    faults: tuple[str, ...]
    reasons: Counter[str]
    seconds: tuple[float, ...]
    sizes: tuple[int, ...]
    depth: str

    @property
    def pace(self) -> float | None:
        """Seconds of a sample, on average: of all but the first, which warms the code up.

        None if no record was good.
        """
        timed = self.seconds[1:] or self.seconds
        return sum(timed) / len(timed) if timed else None

    @property
    def size(self) -> float | None:
        """Bytes of a sample in a tar, on average; None if no record was good."""
        return sum(self.sizes) / len(self.sizes) if self.sizes else None


class Trials:
    """Trials over a plan: which records of a cell are tried is decided by the recipe's seed."""

    def __init__(self, plan: Plan) -> None:
        one_thread()
        self._plan = plan

    def of(self, cell: PlannedCell, count: int) -> Trial:
        """Try some records of a cell. Raises SourceError if its root cannot be opened."""
        source = self._plan.indices[cell.source].source
        root = open_root(source.roots, mount=plugins.mounts(source.dataset))
        plugins.warm(plugins.DATASETS, source.dataset)
        plugins.warm(plugins.TASKS, cell.task)
        job, rows = self._rows(cell, count)
        faults, reasons, depth = list[str](), Counter[str](), DepthSeen()
        seconds, sizes = list[float](), list[int]()
        for row in rows:
            start = time.perf_counter()
            try:
                loaded = load_row(row, job, root)
                if isinstance(loaded, Labelled):
                    depth.add(loaded.label, row.entry.labels)
                made = make_sample(row, loaded, job, "cpu")
            except BadSample as bad:
                reasons[bad.reason] += 1
                faults.append(f"{row.entry.id}: {bad}")
                continue
            except Exception as err:  # a bug in a plug-in
                err.add_note(f"record {row.entry.id} of {cell.source} / {cell.task}")
                raise
            seconds.append(time.perf_counter() - start)
            blocks = (1 + -(-len(part) // BLOCK) for part in made.members.values())
            sizes.append(BLOCK * sum(blocks))
        return Trial(
            source=cell.source,
            task=cell.task,
            tried=len(rows),
            faults=tuple(faults),
            reasons=reasons,
            seconds=tuple(seconds),
            sizes=tuple(sizes),
            depth=depth.text(),
        )

    def _rows(self, cell: PlannedCell, count: int) -> tuple[Job, Sequence[Row]]:
        """A job, and some rows that it could have: of an enumerated build those that it asks."""
        plan = self._plan
        if plan.recipe.votes:
            place = plan.cells.index(cell)
            shards = np.flatnonzero(plan.table[:, place])
            if not len(shards):
                return self._job, ()
            job = context_of(plan).job(ShardSpecs(plan)[int(shards[0])])
            return job, [row for row in job.rows if row.cell == (cell.source, cell.task)][:count]
        index = plan.indices[cell.source]
        count = min(count, len(cell.rows))
        words = index.words[cell.rows]
        which, _ = draw(words, count, plan.recipe.seed, "doctor", cell.source, cell.task)
        entries = index.entries(np.sort(cell.rows[which]))
        return self._knowing(cell), [_row(cell, entry) for entry in entries]

    @cached_property
    def _job(self) -> Job:
        return make_job(self._plan, 0, "", "")

    def _knowing(self, cell: PlannedCell) -> Job:
        """A job that knows a cell's source, even if no row of its own is from there."""
        index = self._plan.indices[cell.source]
        datasets = {**self._job.datasets, cell.source: index.source.dataset}
        vocabulary = {**self._job.vocabulary, cell.source: index.vocabulary}
        return replace(self._job, datasets=datasets, vocabulary=vocabulary)


def _row(cell: PlannedCell, entry: Entry) -> Row:
    return Row(
        slot=0,
        source=cell.source,
        task=cell.task,
        pass_=0,
        entry=entry,
        digest=entry_digest(entry),
    )
