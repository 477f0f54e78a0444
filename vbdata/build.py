"""`vbdata build`: index, plan, shards, manifest, in that order, resuming what is finished."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vbdata.errors import BuildError
from vbdata.index import Index, build_index
from vbdata.jobs import DIGEST_LENGTH, build_digest, job_digests, make_job
from vbdata.manifest import MANIFEST, SUMS, canonical, write_manifest
from vbdata.nouns import Job, Receipt
from vbdata.plan import Plan, make_plan
from vbdata.recipe import Recipe, first_difference
from vbdata.run import Done, Event, Failed, run_local
from vbdata.shard import read_receipt, receipt_path
from vbdata.storage import Folder

RECIPE = "plan/recipe.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """Where and how fast, never what. ray: None = in this process, else an address or "local"."""

    workers: int = 1
    ray: str | None = None
    device: str = "cpu"
    gpus_per_worker: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a watcher of the build is told after each event."""

    event: Event | None
    shards_done: int
    shards_kept: int
    shards: int
    samples_done: int
    samples_kept: int
    samples: int
    bytes: int
    quarantined: int


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
    _claim(recipe, out)
    with _work_folder(out) as work:
        plan = make_plan(recipe, index_sources(recipe, work / "index"))
        plan.write(work / "plan.parquet")
        return _build_plan(plan, out, how, watcher or Watcher())


@contextmanager
def _work_folder(out: Folder) -> Iterator[Path]:
    """Where index and plan are written: in the output folder, or uploaded to it at the end."""
    if out.local:
        yield Path(out.at("plan"))
        return
    with TemporaryDirectory(prefix="vbdata-") as temporary:
        yield Path(temporary)
        for file in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
            out.put(file, f"plan/{file.relative_to(temporary).as_posix()}")


def _build_plan(plan: Plan, out: Folder, how: How, watcher: Watcher) -> dict[str, Any]:
    digests = job_digests(plan)
    folder = f"shards/{build_digest(digests)[:DIGEST_LENGTH]}"

    def make(number: int) -> Job:
        return make_job(plan, number, folder, digests[number])

    todo = [n for n in range(plan.shards) if _kept(out, make(n)) is None]
    if todo:
        for stale in (MANIFEST, SUMS):
            out.remove(stale)
    watcher.planned(plan)
    progress = _first_progress(plan, todo)
    watcher.step(progress)
    started, events = time.monotonic(), _Events()
    for event in _run(todo, make, out, how):
        events.add(event)
        progress = _advance(progress, event)
        watcher.step(progress)
    if events.failed:
        lines = [f"shard {f.shard:05d}: {f.cause}" for f in events.failed]
        raise BuildError(f"{len(lines)} of {plan.shards} shards failed:\n" + "\n".join(lines))
    _sweep(out, folder, set(digests))
    manifest = write_manifest(plan, (_receipt(out, d) for d in digests), out)
    out.write("run.json", canonical(_run_line(how, events, progress, time.monotonic() - started)))
    _judge(manifest, plan.recipe.max_bad)
    return manifest


def _claim(recipe: Recipe, out: Folder) -> None:
    """Refuse a folder that holds another recipe's build or something else."""
    if out.exists(RECIPE):
        old = json.loads(out.read(RECIPE))
        difference = first_difference(old, json.loads(json.dumps(recipe.canonical())))
        if difference:
            raise BuildError(
                f"{out.url} holds the build of another recipe: {difference}. "
                "Choose another folder, or delete this one."
            )
    elif out.exists() and next(out.files(), None) is not None:
        raise BuildError(f"{out.url} is not empty and holds no build; choose another folder")
    out.write(RECIPE, (json.dumps(recipe.canonical(), indent=1) + "\n").encode())


def _kept(out: Folder, job: Job) -> Receipt | None:
    """The receipt of a finished job, its tar moved to where this build wants it."""
    receipt = read_receipt(out, job.digest)
    if receipt is None or out.size(receipt.tar) != receipt.size:
        return None
    if not out.exists(f"{receipt.tar}.idx"):
        return None
    if receipt.tar != job.tar:
        out.move(f"{receipt.tar}.idx", f"{job.tar}.idx")
        out.move(receipt.tar, job.tar)
        receipt = replace(receipt, tar=job.tar, shard=job.shard)
        out.write(receipt_path(job.digest), json.dumps(asdict(receipt), sort_keys=True).encode())
    return receipt


def _receipt(out: Folder, digest: str) -> Receipt:
    receipt = read_receipt(out, digest)
    if receipt is None:
        raise BuildError(f"the receipt {receipt_path(digest)} has gone while building")
    return receipt


def _run(todo: Sequence[int], make: Callable[[int], Job], out: Folder, how: How) -> Iterator[Event]:
    if how.ray is None or not todo:
        yield from run_local(todo, make, out, how.device)
        return
    from vbdata import ray_run

    start_s = ray_run.start(how.ray, how.workers)
    try:
        yield from ray_run.run_ray(
            todo,
            make,
            out,
            workers=how.workers,
            device=how.device,
            gpus_per_worker=how.gpus_per_worker,
            start_s=start_s,
        )
    finally:
        ray_run.stop()


class _Events:
    """Failures and retries of one run."""

    def __init__(self) -> None:
        self.failed: list[Failed] = []
        self.retries = 0
        self.built = 0

    def add(self, event: Event) -> None:
        if isinstance(event, Failed):
            self.failed.append(event)
        elif isinstance(event, Done):
            self.built += 1
        else:
            self.retries += 1


def _first_progress(plan: Plan, todo: Sequence[int]) -> Progress:
    kept = sorted(set(range(plan.shards)) - set(todo))
    samples = int(plan.table[kept].sum()) if kept else 0
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
    )


def _advance(progress: Progress, event: Event) -> Progress:
    if not isinstance(event, Done):
        return replace(progress, event=event)
    receipt = event.receipt
    return replace(
        progress,
        event=event,
        shards_done=progress.shards_done + 1,
        samples_done=progress.samples_done + len(receipt.samples),
        bytes=progress.bytes + receipt.size,
        quarantined=progress.quarantined + len(receipt.quarantine),
    )


def _sweep(out: Folder, folder: str, digests: set[str]) -> None:
    """Delete shards and receipts of earlier plans, and what a killed run left behind."""
    for file in [*out.files("shards"), *out.files("receipts")]:
        name = file.path.rpartition("/")[2]
        stale_shard = file.path.startswith("shards/") and file.path.rpartition("/")[0] != folder
        stale_receipt = (
            file.path.startswith("receipts/") and name.removesuffix(".json") not in digests
        )
        if stale_shard or stale_receipt:
            out.remove(file.path)
    if out.local:
        for left in Path(out.base, "shards").rglob("vbdata-*"):
            shutil.rmtree(left, ignore_errors=True)
        for empty in Path(out.base, "shards").iterdir():
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


def _judge(manifest: dict[str, Any], max_bad: Decimal) -> None:
    bad = sum(manifest["quarantine"].values())
    tried = manifest["samples"] + bad
    if tried and Decimal(bad) / tried > max_bad:
        raise BuildError(
            f"{bad} of {tried} rows that were tried are quarantined, more than max_bad = {max_bad} "
            "allows; see quarantine/quarantine.jsonl"
        )


def _run_line(how: How, events: _Events, progress: Progress, seconds: float) -> dict[str, Any]:
    built = progress.samples_done - progress.samples_kept
    return {
        "seconds": round(seconds, 3),
        "samples_per_second": round(built / seconds, 3) if seconds else 0.0,
        "shards_built": events.built,
        "shards_kept": progress.shards_kept,
        "retries": events.retries,
        "how": asdict(how),
        "cpus": os.cpu_count(),
    }
