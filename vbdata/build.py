"""`vbdata build`: index, plan, shards, manifest, in that order, resuming what is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from vbdata import earlier, plugins
from vbdata.errors import BuildError
from vbdata.index import Index, build_index
from vbdata.jobs import DIGEST_LENGTH, build_digest, job_digests, make_job, tar_path
from vbdata.manifest import MANIFEST, write_manifest
from vbdata.outfolder import claim, lacking, receipts, refuse_others, sweep, unpublish
from vbdata.plan import Plan, make_plan
from vbdata.plan_file import write_plan
from vbdata.recipe import Recipe
from vbdata.record import Record
from vbdata.reuse import REUSED
from vbdata.run import Done, Event, Events, Retried, Workers, check_device, run_local
from vbdata.storage import Folder
from vbdata.tally import warnings
from vbdata.times import Times
from vbdata.work import Job

Run = Callable[[Sequence[int], Callable[[int], Job]], Events]  # of shards by number


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """Where and how fast, never what.

    ray: None = in this process, else an address or "local"; rehash: read finished shards again
    instead of trusting their size; retry: build again those that put records into quarantine;
    reuse: earlier builds, from which samples are copied that would come out the same;
    workers: None = as many as the cluster has room for; patience_s: seconds without a step in a
    shard after which its worker is taken for dead.
    """

    workers: int | None = 1
    ray: str | None = None
    device: str = "cpu"
    gpus_per_worker: float = 0.0
    rehash: bool = False
    retry: bool = False
    reuse: tuple[str, ...] = ()
    patience_s: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a watcher of the build is told after each event.

    times: sums over the shards so far, of earlier runs as well; kept: samples of each cell of the
    plan that an earlier run has finished.
    """

    event: Event | None
    shards_done: int
    shards_kept: int
    shards: int
    samples_done: int
    samples_kept: int
    samples: int
    bytes: int
    quarantined: int
    reused: int = 0
    retries: int = 0
    workers: int = 0
    times: Times = field(default_factory=Times)
    kept: tuple[int, ...] = ()


class Watcher:
    """Follows a build; this one is silent."""

    def planned(self, plan: Plan) -> None:
        """The mixture is known; no pixel has been read."""

    def step(self, state: Progress) -> None:
        """Something happened; the first time, nothing yet."""


def index_sources(recipe: Recipe, folder: Path) -> list[Index]:
    """Index all sources of a recipe into a local folder."""
    return [build_index(source, folder) for source in recipe.sources]


@contextmanager
def planned(recipe: Recipe) -> Iterator[Plan]:
    """A plan whose index lives in a temporary folder."""
    with TemporaryDirectory(prefix="vbdata-") as folder:
        yield make_plan(recipe, index_sources(recipe, Path(folder)))


def build(recipe: Recipe, out: Folder, how: How, watcher: Watcher | None = None) -> dict[str, Any]:
    """Build a recipe into a folder and return the manifest.

    What an earlier run of the same recipe finished is kept. Raises BuildError if the folder holds
    another recipe's build, if shards fail for good, or if more than max_bad is quarantined.
    """
    if how.ray in (None, "local"):  # workers elsewhere look for themselves
        check_device(how.device)
    earlier.refuse_strangers(how.reuse)
    refuse_others(recipe, out)
    with _runner(recipe, out, how) as run, _work_folder(out) as work:
        plan = make_plan(recipe, index_sources(recipe, work / "index"))
        claim(recipe, out)
        write_plan(plan, work / "plan.parquet")
        return _build_plan(plan, out, how, watcher or Watcher(), run)


@contextmanager
def _work_folder(out: Folder) -> Iterator[Path]:
    """Where index and plan are written: in the output folder, or uploaded to it at the end."""
    if out.local:
        yield _made(Path(out.at("plan")))
        return
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        yield Path(temporary)
        for file in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
            out.put(file, f"plan/{file.relative_to(temporary).as_posix()}")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BuildError(f"{folder.parent} cannot be used: {err.strerror}") from err
    return folder


def _build_plan(plan: Plan, out: Folder, how: How, watcher: Watcher, run: Run) -> dict[str, Any]:
    digests = job_digests(plan)
    folder = f"shards/{build_digest(digests)[:DIGEST_LENGTH]}"

    def tar(number: int) -> str:
        return tar_path(plan, number, folder)

    def make(number: int) -> Job:
        return make_job(plan, number, folder, digests[number])

    watcher.planned(plan)
    todo = lacking(out, digests, tar, rehash=how.rehash, retry=how.retry)
    if todo:
        unpublish(out)
    with Record(out, how, Path(folder).name, warnings(plan)) as record:
        _build_shards(plan, todo, make, out, how, watcher, record, run)
        sweep(out, tar, digests)
        unpublish(out)
        return write_manifest(plan, folder, receipts(out, digests), out)


def _build_shards(
    plan: Plan,
    todo: Sequence[int],
    make: Callable[[int], Job],
    out: Folder,
    how: How,
    watcher: Watcher,
    record: Record,
    run: Run,
) -> None:
    """Build what is lacking. Raises BuildError if a shard is given up."""
    progress = _first_progress(plan, todo, how, record)
    record.kept = progress.shards_kept
    watcher.step(progress)
    with earlier.opened(how.reuse if todo else ()) as library:
        # closed here and now, whoever is interrupted: its workers end before their cluster does
        with closing(run(todo, lambda number: library.equipped(make(number)))) as events:
            for event in events:
                record.add(event)
                progress = _advance(progress, event)
                watcher.step(progress)
        if how.reuse:
            record.reused = library.statement(record.reuse, record.samples)
    if record.failed:
        lines = [f"shard {f.shard:05d}: {f.cause}" for f in record.failed]
        raise BuildError(f"{len(lines)} of {plan.shards} shards failed:\n" + "\n".join(lines))


@contextmanager
def _runner(recipe: Recipe, out: Folder, how: How) -> Iterator[Run]:
    """What builds shards, here or on Ray, which comes up while sources are indexed."""
    if how.ray is None:
        yield lambda todo, make: run_local(todo, make, out, how.device)
        return
    from vbdata import ray_cluster, ray_metrics, ray_run

    early = how.ray == "local" and not out.exists(MANIFEST)
    uses = {(plugins.DATASETS, source.dataset) for source in recipe.sources}
    uses |= {(plugins.TASKS, task) for source in recipe.sources for task in source.tasks}
    with ray_cluster.connected(how.ray, how.workers, early) as ready:

        def on_ray(todo: Sequence[int], make: Callable[[int], Job]) -> Events:
            if not todo:
                return
            events = ray_run.run_ray(
                todo,
                make,
                out,
                workers=how.workers,
                device=how.device,
                gpus_per_worker=how.gpus_per_worker,
                start_s=ready(),
                silent_s=how.patience_s,
                uses=tuple(sorted(uses)),
            )
            yield from ray_metrics.counted(events)

        yield on_ray


def _first_progress(plan: Plan, todo: Sequence[int], how: How, record: Record) -> Progress:
    kept = np.setdiff1d(np.arange(plan.shards), todo)
    cells = tuple(int(n) for n in plan.table[kept].sum(axis=0)) if len(kept) else ()
    samples = sum(cells)
    return Progress(
        event=None,
        shards_done=len(kept),
        shards_kept=len(kept),
        shards=plan.shards,
        samples_done=samples,
        samples_kept=samples,
        samples=plan.recipe.samples,
        bytes=0,
        quarantined=0,
        workers=int(how.ray is None and bool(todo)),
        times=record.times,
        kept=cells,
    )


def _advance(progress: Progress, event: Event) -> Progress:
    if isinstance(event, Workers):
        return replace(progress, event=event, workers=event.alive)
    if not isinstance(event, Done):
        retries = progress.retries + isinstance(event, Retried)
        return replace(progress, event=event, retries=retries)
    receipt = event.receipt
    return replace(
        progress,
        event=event,
        shards_done=progress.shards_done + 1,
        samples_done=progress.samples_done + len(receipt.samples),
        bytes=progress.bytes + receipt.size,
        quarantined=progress.quarantined + len(receipt.quarantine),
        reused=progress.reused + receipt.reuse.get(REUSED, 0),
    )
