"""A whole build: index, plan, shards, manifest, in that order. What is finished is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vbdata.engine import earlier
from vbdata.engine.folder import (
    missing_shards,
    receipts,
    record_recipe,
    refuse_others,
    sweep,
    unpublish,
)
from vbdata.engine.places import place_faults
from vbdata.engine.progress import Progress, Watcher, advanced, initial
from vbdata.engine.raw_data import raw_data_check
from vbdata.engine.run_record import Record
from vbdata.errors import BuildError, RecipeError
from vbdata.index.index import Index, build_index
from vbdata.index.joined import Pool
from vbdata.jobs.context import JobContext
from vbdata.jobs.job import ShardSpec
from vbdata.jobs.specs import ShardSpecs, context_of, job_digests, planned_tar, read_from
from vbdata.layout import CLAIM, MANIFEST, PLAN_FOLDER, build_digest, shards_folder
from vbdata.machine.process import check_device
from vbdata.manifest.tally import warnings
from vbdata.manifest.write import write_manifest
from vbdata.planning.file import write_plan
from vbdata.planning.make import make_plan
from vbdata.planning.plan import Plan
from vbdata.publish import reader_files
from vbdata.recipe.recipe import Recipe
from vbdata.run.events import Connecting, Events, Todo
from vbdata.run.how import How
from vbdata.run.local import run_local
from vbdata.storage.claim import Claim, claimed
from vbdata.storage.folder import Folder

Run = Callable[[Todo], Events]


def index_sources(recipe: Recipe, folder: Path, pool: Pool | None = None) -> list[Index]:
    """Index all sources of a recipe into a local folder.

    pool: where the parts of a large source are indexed, None: in processes of this machine. Raises
    RecipeError with all roots that are not there and all wrong options, else SourceError.
    """
    if faults := place_faults(recipe):
        raise RecipeError(faults)
    return [build_index(source, folder, pool) for source in recipe.sources]


@contextmanager
def planned(recipe: Recipe) -> Iterator[Plan]:
    """Index and plan a recipe. The index lies in a temporary folder, deleted when this is left.

    Raises RecipeError or SourceError.
    """
    with TemporaryDirectory(prefix="vbdata-") as folder:
        yield make_plan(recipe, index_sources(recipe, Path(folder)))


def build(
    recipe: Recipe,
    out: Folder,
    how: How,
    watcher: Watcher | None = None,
    raw_data: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Build a recipe into a folder and return the manifest.

    Shards that an earlier run of the same recipe has finished are kept. watcher: is told of the
    plan and of every event; raw_data: makes what the sources are to find, while Ray starts. Raises
    RecipeError or SourceError if there can be no plan; BuildError if the folder holds another
    recipe's build, if another process is building in it, if shards are given up, or if more than
    the recipe's max_bad is quarantined.
    """
    if how.ray in (None, "local"):  # workers on other machines check their own device
        check_device(how.device)
    earlier.refuse_strangers(how.reuse)
    refuse_others(recipe, out)
    runner = _runner(recipe, out, how)
    with claimed(out, CLAIM) as held, runner as (run, pool), _work_folder(out) as work:
        refuse_others(recipe, out)  # of another build that ended just now
        raw_data()
        plan = make_plan(recipe, index_sources(recipe, work / "index", pool))
        record_recipe(recipe, out)
        write_plan(plan, work / "plan.parquet")
        context = _shared(context_of(plan), work, out, how)
        return _build_plan(plan, context, out, how, watcher or Watcher(), run, held)


@contextmanager
def left_to_build(recipe: Recipe, out: Folder, how: How) -> Iterator[tuple[Plan, list[int]]]:
    """What `build` would do: the plan, and the shards that are not finished. Writes nothing there.

    Raises what `build` raises before it builds. The index lies in a temporary folder, deleted when
    this is left.
    """
    earlier.refuse_strangers(how.reuse)
    refuse_others(recipe, out)
    with planned(recipe) as plan:
        digests = job_digests(plan)
        folder = shards_folder(build_digest(digests))
        yield (
            plan,
            missing_shards(
                out,
                digests,
                lambda number: planned_tar(plan, number, folder),
                rehash=raw_data_check(context_of(plan).inputs) if how.rehash else None,
                retry=how.retry,
                move=False,
            ),
        )


@contextmanager
def _work_folder(out: Folder) -> Iterator[Path]:
    """Where index and plan are written: in a local output folder, else to be uploaded from here."""
    if out.local:
        yield _made(Path(out.full_path(PLAN_FOLDER)))
        return
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        yield Path(temporary)


def _shared(context: JobContext, work: Path, out: Folder, how: How) -> JobContext:
    """Upload index and plan if the output is a store; the context with which workers find them."""
    if out.local:
        return context
    for file in sorted(path for path in work.rglob("*") if path.is_file()):
        out.copy(file, f"{PLAN_FOLDER}/{file.relative_to(work).as_posix()}")
    elsewhere = how.ray not in (None, "local")
    return read_from(context, work, f"{out.url}/{PLAN_FOLDER}") if elsewhere else context


def _made(folder: Path) -> Path:
    """Make a local folder. Raises BuildError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BuildError(f"{folder.parent} cannot be used: {err.strerror}") from err
    return folder


def _build_plan(
    plan: Plan,
    context: JobContext,
    out: Folder,
    how: How,
    watcher: Watcher,
    run: Run,
    held: Claim,
) -> dict[str, Any]:
    digests = job_digests(plan)
    folder = shards_folder(build_digest(digests))

    def tar(number: int) -> str:
        return planned_tar(plan, number, folder)

    specs = ShardSpecs(plan, digests.__getitem__)
    watcher.planned(plan)
    todo = Todo(
        numbers=missing_shards(
            out,
            digests,
            tar,
            rehash=raw_data_check(context.inputs) if how.rehash else None,
            retry=how.retry,
        ),
        context=replace(context, folder=folder),
        spec=specs.__getitem__,
        record=specs.record,
    )
    if todo.numbers:
        unpublish(out)
    with Record(out, how, Path(folder).name, warnings(plan)) as record:
        here = int(how.ray is None and bool(todo.numbers))
        progress = initial(plan, todo.numbers, here, record.times)
        with _equipped(todo, specs, how, record) as equipped:
            _build_shards(equipped, progress, watcher, record, run, held)
        held.check()
        sweep(out, tar, digests)
        unpublish(out)
        return write_manifest(plan, folder, receipts(out, digests), out, reader_files)


@contextmanager
def _equipped(todo: Todo, specs: ShardSpecs, how: How, record: Record) -> Iterator[Todo]:
    """The Todo with samples of earlier builds in its specs; `record` gets what came of them."""
    if not how.reuse:
        yield todo
        return
    with earlier.opened(how.reuse if todo.numbers else ()) as library:

        def spec(number: int) -> ShardSpec:
            return library.equipped(todo.spec(number), specs.draws)

        try:
            yield replace(todo, spec=spec)
        finally:
            record.reused = library.statement(record.reuse, record.samples)


def _build_shards(
    todo: Todo, progress: Progress, watcher: Watcher, record: Record, run: Run, held: Claim
) -> None:
    """Build the missing shards. Raises BuildError at the end if any of them was given up."""
    record.kept = progress.shards_kept
    watcher.step(progress)
    # closed at once even if this is interrupted, so that the workers end before their cluster does
    with closing(run(todo)) as events:
        for event in events:
            held.check()
            record.add(event)
            progress = advanced(progress, event)
            watcher.step(progress)
    if record.failed:
        lines = [f"shard {f.shard:05d}: {f.cause}" for f in record.failed]
        raise BuildError(f"{len(lines)} of {progress.shards} shards failed:\n" + "\n".join(lines))


@contextmanager
def _runner(recipe: Recipe, out: Folder, how: How) -> Iterator[tuple[Run, Pool | None]]:
    """The runner: in this process, or on Ray, which starts while the sources are indexed.

    With it comes the pool in which parts of sources are indexed: the cluster, if that has machines
    of its own, else None.
    """
    if how.ray is None:
        yield lambda todo: run_local(todo, out, how.device), None
        return
    from vbdata.run.ray.cluster import connected

    early = how.ray == "local" and not out.exists(MANIFEST)
    with connected(how.ray, _no_more_than_shards(how.workers, recipe), early) as cluster:
        from vbdata.run.ray import indexing  # these are loaded while Ray starts
        from vbdata.run.ray.metrics import counted
        from vbdata.run.ray.run import run_ray

        def on_ray(todo: Todo) -> Events:
            if not todo.numbers:
                return
            yield Connecting(how.ray or "local")
            events = run_ray(
                todo,
                out,
                workers=how.workers,
                device=how.device,
                gpus_per_worker=how.gpus_per_worker,
                start_s=cluster.ready(),
                silent_s=how.patience_s,
                clock=how.clock,
            )
            try:
                yield from counted(events)
            finally:
                cluster.leave()  # while the manifest is written

        yield on_ray, None if how.ray == "local" else indexing.pool(cluster.ready)


def _no_more_than_shards(workers: int | None, recipe: Recipe) -> int | None:
    """The workers that a cluster of this build's own has room for; each takes a second to start."""
    shards = -(-recipe.samples // recipe.shard_size)  # 0: not known before the plan is made
    return min(workers, shards) if workers and shards else workers
