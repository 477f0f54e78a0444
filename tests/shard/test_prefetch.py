"""Records loaded ahead: in the same order, with the same faults, never from near storage."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import fsspec
import pytest

from tests.helpers.builds import demo_recipe_over, sums_of
from tests.helpers.waiting import LONG_S
from vbdata.engine.build import build, planned
from vbdata.errors import BadSample
from vbdata.jobs.job import Job, Row
from vbdata.jobs.specs import job_digests, make_job
from vbdata.machine.stages import Clock
from vbdata.recipe.recipe import Recipe
from vbdata.run.how import How
from vbdata.shard import prefetch
from vbdata.shard.prefetch import LOADED
from vbdata.shard.sample import Labelled, Loaded
from vbdata.storage.folder import Folder


@pytest.fixture(scope="module")
def job(demo_recipe: Recipe) -> Job:
    with planned(demo_recipe) as plan:
        return make_job(plan, 0, "shards/x", job_digests(plan)[0])


def far(job: Job) -> Job:
    return replace(job, roots=dict.fromkeys(job.roots, ("s3://bucket/x",)))


class Slow:
    """Loads nothing; every fifth record is damaged. Remembers who asked, and how many at once.

    together: nobody is done before so many have been at work at once.
    """

    def __init__(self, together: int = 1) -> None:
        self.threads: list[str] = []
        self.at_once = self.most = 0
        self._together, self._lock = together, threading.Condition()

    def __call__(self, row: Row) -> Loaded:
        with self._lock:
            self.threads.append(threading.current_thread().name)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self._lock.notify_all()
            assert self._lock.wait_for(lambda: self.most >= self._together, LONG_S)
            self.at_once -= 1
        if row.slot % 5 == 0:
            raise BadSample("undecodable", f"slot {row.slot}")
        return Labelled(None, None, b"", {}, row.entry.id, "")  # type: ignore[arg-type]


def asked_in_order(job: Job, slow: Slow, threads: int) -> list[str]:
    found = []
    with prefetch.prefetched(job, slow, Clock(), threads) as load:
        for row in job.rows:
            try:
                found.append(load(row).raw_sha256)
            except BadSample as bad:
                found.append(bad.detail)
                load(replace(row, slot=1))  # a spare steps in
    return found


def test_the_order_is_that_of_the_rows_whatever_the_threads(job: Job) -> None:
    wanted = [f"slot {r.slot}" if r.slot % 5 == 0 else r.entry.id for r in job.rows]
    slow, alone = Slow(together=2), Slow()
    assert asked_in_order(far(job), slow, prefetch.THREADS) == wanted
    assert asked_in_order(far(job), alone, 0) == wanted
    assert 1 < slow.most <= prefetch.THREADS + 1
    assert alone.most == 1
    assert len(slow.threads) == len(alone.threads)


def test_no_more_is_loaded_than_a_few_records(job: Job) -> None:
    slow = Slow()
    with prefetch.prefetched(far(job), slow, Clock(), prefetch.THREADS) as load:
        load(job.rows[1] if job.rows[0].slot % 5 == 0 else job.rows[0])
        time.sleep(0.3)
        assert len(slow.threads) <= LOADED + 2


def test_near_storage_is_read_when_it_is_asked_for(job: Job) -> None:
    slow = Slow()
    asked_in_order(job, slow, prefetch.THREADS)
    assert set(slow.threads) == {threading.current_thread().name}


@pytest.mark.slow
def test_a_build_from_far_away_has_the_bytes_of_a_near_one(
    demo_data: Path, demo_build: Path, tmp_path: Path
) -> None:
    """Damaged records, too: quarantine and spares are those of a build without threads."""
    memory = fsspec.filesystem("memory")
    pictures = sorted((demo_data / "coco" / "train2017").glob("*.jpg"))
    recipe = demo_recipe_over(demo_data)
    folders = [demo_data / source.name for source in recipe.sources]
    for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
        cut = 99 if path in pictures[::4] else None
        memory.pipe_file(f"/ahead/{path.relative_to(demo_data)}", path.read_bytes()[:cut])
    sources = [replace(s, roots=(f"memory://ahead/{s.name}",)) for s in recipe.sources]
    there = replace(recipe, sources=tuple(sources), max_bad=Decimal("0.5"))
    builds = []
    for threads in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            if not threads:
                patch.setattr(prefetch, "is_remote", lambda urls: False)
            out = tmp_path / str(threads)
            assert sum(build(there, Folder(str(out)), How())["quarantine"].values())
            builds.append(sums_of(out))
    memory.rm("/ahead", recursive=True)
    assert builds[0] == builds[1]
    assert builds[0] != sums_of(demo_build)
