"""`vbdata build`, `retry` and `doctor`: the commands that read raw data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbdata.cli.common import (
    EXIT_FAILED,
    EXIT_RECIPE,
    WHERE,
    BuildFolder,
    Device,
    GpusPerWorker,
    Json,
    Local,
    Planned,
    Ray,
    RecipeFile,
    Roots,
    Workers,
    cores,
    given_roots,
    read_recipe,
    reported,
    without_pandas,
)
from vbdata.cli.lock import (
    LockAt,
    Locked,
    Locking,
    WriteLock,
    build_held,
    finish,
    locking,
)

if TYPE_CHECKING:
    from vbdata.recipe.recipe import Recipe
    from vbdata.run.how import How


def build(
    recipe: RecipeFile,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="The output folder: a path or a URL.")
    ],
    root: Roots = None,
    workers: Workers = None,
    ray: Ray = "local",
    local: Local = False,
    device: Device = "cpu",
    gpus_per_worker: GpusPerWorker = 0.0,
    rehash: Annotated[
        bool,
        typer.Option(
            "--rehash",
            help="Read finished shards and their raw data again, to find what has changed.",
        ),
    ] = False,
    reuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="An earlier build, finished or not, from which samples are copied if they would "
            "come out the same. A folder or a URL, --out itself, too; repeatable.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            rich_help_panel=WHERE,
            help="Kill a worker that has sent no heartbeat for so long, and try its shard again. "
            "Each record sends some, so shards that are only slow are left alone.",
        ),
    ] = 900.0,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Say what would be built, what is finished already, its bytes, core-hours and "
            "wall time, and write nothing.",
        ),
    ] = False,
    lock: WriteLock = False,
    locked: Locked = False,
    lock_file: LockAt = None,
    as_json: Json = False,
) -> None:
    """Build a recipe into a folder. A build that was interrupted goes on where it was.

    On a terminal it shows a live table, in a pipe a line now and then, with --json an event a line.
    Exit codes: 0 built; 1 failed, and what is finished is kept; 2 the recipe or the command line is
    wrong; 130 and 143 interrupted by SIGINT and SIGTERM. DIR/run.json says the same, and where the
    time went.

    Examples:

        vbdata build manifests/demo.yaml --out demo/build

        vbdata build manifests/demo.yaml --out demo/build --dry-run    (what it would do)

        vbdata build manifests/real.yaml --out out --root coco=s3://bucket/coco --workers 8

        vbdata build real.yaml --out out --root coco=images.zip --root coco=labels.zip

        vbdata build recipe.yaml --out out --ray auto                  (inside a cluster, all of it)

        vbdata build new-mixture.yaml --out new --reuse old --reuse s3://bucket/older

        vbdata build manifests/demo.yaml --out demo/again --locked     (the same bytes, or why not)
    """
    with reported(as_json):
        against = locking(recipe, lock, locked, lock_file, as_json)
        how = _how(workers, ray, local, device, gpus_per_worker, rehash=rehash, reuse=reuse or ())
        how = replace(how, patience_s=patience)
        if dry_run:
            _dry_run(read_recipe(recipe, root), out, how, as_json)
        else:
            _run(read_recipe(recipe, root), out, how, as_json, against)


def retry(
    folder: BuildFolder,
    root: Roots = None,
    workers: Workers = None,
    ray: Ray = "local",
    local: Local = False,
    device: Device = "cpu",
    gpus_per_worker: GpusPerWorker = 0.0,
    as_json: Json = False,
) -> None:
    """Build only those shards again that put records into quarantine, after the data is repaired.

    Recipe and roots are those of the build; --root says where data lies now.

    Examples:

        vbdata retry out

        vbdata retry out --root coco=/mended/coco --local
    """
    with reported(as_json):
        from vbdata.engine.folder import recorded_recipe
        from vbdata.storage.folder import Folder

        how = _how(workers, ray, local, device, gpus_per_worker, retry=True, reuse=(folder,))
        _run(recorded_recipe(Folder(folder), given_roots(root)), folder, how, as_json)


def doctor(
    recipe: RecipeFile,
    root: Roots = None,
    samples: Annotated[
        int, typer.Option(min=0, help="How many records of each source and task are read.")
    ] = 5,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw three records of each source with their labels."),
    ] = None,
    workers: Planned = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="List all that is missing or faulty, not a few."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine the raw data of a recipe before a long build. Nothing is written but --picture.

    It looks for the files, compares the number of records with the official totals, makes a few
    samples of each source and task, and says what is missing and where to download it. Of own
    folders it also says what the data make of the options: kind and unit of depth, frame of
    normals. The worst comes first; the last lines say how large the build becomes and how long it
    takes. Exit code 1 if the recipe cannot be built, 2 if roots or options are wrong.

    Examples:

        vbdata doctor manifests/real.yaml --root coco=/data/coco --root kitti=/data/kitti

        vbdata doctor recipe.yaml --samples 50 --json

        vbdata doctor recipe.yaml --picture labels.png
    """
    with reported(as_json):
        from vbdata.engine.doctor import examine
        from vbdata.terminal.tables import print_findings

        read = read_recipe(recipe, root)
        findings = list(examine(read, samples, workers or cores()))
        print_findings(findings, as_json, verbose)
        if picture is not None:
            from vbdata.view.label_sheet import label_sheet

            picture.write_bytes(label_sheet(read))
        if failed := [finding for finding in findings if finding.level == "fail"]:
            wrong = any(finding.recipe for finding in failed)
            raise typer.Exit(EXIT_RECIPE if wrong else EXIT_FAILED)


def _how(
    workers: int | None,
    ray: str,
    local: bool,
    device: str,
    gpus_per_worker: float,
    *,
    rehash: bool = False,
    retry: bool = False,
    reuse: Sequence[str] = (),
) -> How:
    """The options of the command line, with their defaults for this machine or a cluster."""
    import os

    from vbdata.run.how import How

    return How(
        workers=workers or (os.cpu_count() or 1 if local or ray == "local" else None),
        ray=None if local else ray,
        device=device,
        gpus_per_worker=gpus_per_worker,
        rehash=rehash,
        retry=retry,
        reuse=tuple(reuse),
    )


TIMED = 3  # samples of each source and task that a dry run makes


def _dry_run(recipe: Recipe, out: str, how: How, as_json: bool) -> None:
    from vbdata.engine import estimate
    from vbdata.engine.build import left_to_build
    from vbdata.storage.folder import Folder
    from vbdata.terminal.tables import print_dry_run

    with left_to_build(recipe, Folder(out), how) as (plan, missing):
        left = {place: int(n) for place, n in enumerate(plan.table[missing].sum(axis=0))}
        trials = estimate.timed(plan, TIMED if missing else 0)
        about = estimate.estimated(plan, trials, how.workers or cores(), left | {-1: len(missing)})
        print_dry_run(plan, len(missing), out, about, as_json)


def _run(recipe: Recipe, out: str, how: How, as_json: bool, against: Locking | None = None) -> None:
    from vbdata.core import compiled
    from vbdata.machine.scratch import own_scratch
    from vbdata.manifest.quarantine import read_quarantine
    from vbdata.storage.folder import Folder
    from vbdata.terminal.watcher import Terminal

    own_scratch()
    without_pandas(recipe)
    if how.ray in (None, "local"):  # then the watcher says it, of workers on this very machine
        compiled.quiet()
    watcher = Terminal(as_json)
    with watcher.drawing():
        against = against or Locking()
        manifest = build_held(recipe, Folder(out), how, watcher, against)
    bad = read_quarantine(Folder(out)) if manifest["quarantine"] and not as_json else None
    watcher.finish(manifest, out, bad)
    if how.reuse:
        from vbdata.terminal.reuse import show

        show(Folder(out), as_json)
    finish(against, Folder(out))
