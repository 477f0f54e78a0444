"""`vbdata build`, `retry` and `doctor`: the commands that read raw data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vbdata.cli import lock as cli_lock
from vbdata.cli.common import (
    EXIT_FAILED,
    BuildFolder,
    Device,
    GpusPerWorker,
    Json,
    Local,
    Ray,
    RecipeFile,
    Roots,
    Workers,
    given_roots,
    read_recipe,
    reported,
)

if TYPE_CHECKING:
    from vbdata.recipe.recipe import Recipe
    from vbdata.run.how import How


def build(
    recipe: RecipeFile,
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="Output folder.")],
    root: Roots = None,
    workers: Workers = None,
    ray: Ray = "local",
    local: Local = False,
    device: Device = "cpu",
    gpus_per_worker: GpusPerWorker = 0.0,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Read finished shards again, to find damage.")
    ] = False,
    reuse: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            help="An earlier build, finished or not, from which samples are copied that would "
            "come out the same. Repeatable; a folder or a URL, also --out itself.",
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            min=1.0,
            metavar="SECONDS",
            help="Without a step in its shard for so long, a worker is taken for dead.",
        ),
    ] = 900.0,
    lock: cli_lock.WriteLock = False,
    locked: cli_lock.Locked = False,
    lock_file: cli_lock.LockAt = None,
    as_json: Json = False,
) -> None:
    """Build a recipe into a folder; an interrupted build goes on where it was.

    A terminal shows a live table, a pipe a line now and then, --json an event a line. Exit codes:
    0 built; 1 failed, what is finished is kept; 2 the recipe or the command line is wrong; 130 and
    143 interrupted by SIGINT and SIGTERM. DIR/run.json says the same, and where the time went.

    Examples:

        vbdata build manifests/demo.yaml --out demo/build

        vbdata build manifests/real.yaml --out out --root coco=s3://bucket/coco --workers 8

        vbdata build real.yaml --out out --root coco=images.zip --root coco=labels.zip

        vbdata build recipe.yaml --out out --ray auto                  (inside a cluster, all of it)

        vbdata build new-mixture.yaml --out new --reuse old --reuse s3://bucket/older

        vbdata build manifests/demo.yaml --out demo/again --locked     (the same bytes, or why not)
    """
    with reported(as_json):
        against = cli_lock.locking(recipe, lock, locked, lock_file, as_json)
        how = _how(workers, ray, local, device, gpus_per_worker, rehash=rehash, reuse=reuse or ())
        how = replace(how, patience_s=patience)
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
    """Build again only the shards that put records into quarantine, once the data is mended.

    The recipe and its roots are those of the build; --root says where data is now.

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
        int, typer.Option(min=0, help="Records of each source and task that are read.")
    ] = 5,
    as_json: Json = False,
) -> None:
    """Examine the raw data of a recipe before a long build; writes nothing.

    Finds the files, counts records against the official totals, reads a few of each task the whole
    way, and says what is missing and where to get it. Exit code 1 if the recipe cannot be built.

    Examples:

        vbdata doctor manifests/real.yaml --root coco=/data/coco --root kitti=/data/kitti

        vbdata doctor recipe.yaml --samples 50 --json
    """
    with reported(as_json):
        from vbdata.engine.doctor import examine
        from vbdata.terminal import tables as prints

        findings = list(examine(read_recipe(recipe, root), samples))
        prints.print_findings(findings, as_json)
        if any(finding.level == "fail" for finding in findings):
            raise typer.Exit(EXIT_FAILED)


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


def _run(
    recipe: Recipe, out: str, how: How, as_json: bool, against: cli_lock.Locking | None = None
) -> None:
    from vbdata.machine.scratch import own_scratch
    from vbdata.storage.folder import Folder
    from vbdata.terminal.watcher import Terminal

    own_scratch()
    with Terminal(as_json) as watcher:
        against = against or cli_lock.Locking()
        manifest = cli_lock.build_held(recipe, Folder(out), how, watcher, against)
    watcher.finish(manifest, out)
    if how.reuse:
        from vbdata.terminal import reuse as reuse_print

        reuse_print.show(Folder(out), as_json)
    cli_lock.finish(against, Folder(out))
