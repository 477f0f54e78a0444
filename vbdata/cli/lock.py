"""`vbdata lock` and `diff`, and what `vbdata build` does with a lock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vbdata.cli.common import EXIT_FAILED, BuildFolder, Json, reported
from vbdata.terminal import events

if TYPE_CHECKING:
    from vbdata.engine.progress import Watcher
    from vbdata.locks.lock import Lock as LockFile
    from vbdata.recipe.recipe import Recipe
    from vbdata.run.how import How
    from vbdata.storage.folder import Folder

LOCKS = "Locks"  # a group of options

WriteLock = Annotated[
    bool,
    typer.Option(
        "--lock",
        rich_help_panel=LOCKS,
        help="When it is built, write its lock: NAME.lock.json.",
    ),
]
Locked = Annotated[
    bool,
    typer.Option(
        "--locked", rich_help_panel=LOCKS, help="Fail unless the build is what its lock says."
    ),
]
LockAt = Annotated[
    Path | None,
    typer.Option(
        "--lock-file",
        metavar="FILE",
        rich_help_panel=LOCKS,
        help="The lock. Default: NAME.lock.json beside the recipe.",
    ),
]
Side = Annotated[str, typer.Argument(help="A build, a folder or URL, or a lock file (.json).")]


def lock(
    folder: BuildFolder,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The lock. Default: manifests/NAME.lock.json."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the lock of a finished build, against which `vbdata build --locked` holds another one.

    Examples:

        vbdata lock demo/build

        vbdata lock s3://bucket/out --out manifests/real.lock.json
    """
    with reported(as_json):
        from vbdata.locks.lock import SUFFIX
        from vbdata.manifest.opened import open_build
        from vbdata.storage.folder import Folder

        name = open_build(Folder(folder)).manifest.name
        _write(Folder(folder), out or Path("manifests") / f"{name}{SUFFIX}", as_json)


def diff(
    a: Side,
    b: Side,
    limit: Annotated[
        int, typer.Option(min=0, help="How many examples of each kind of difference are shown.")
    ] = 5,
    members: Annotated[
        bool,
        typer.Option("--members", help="Read the shards that differ, to compare their images."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what changed between two builds or locks: recipe, sources, code, counts, samples, shards.

    Samples are paired by source, task, record and pass. A lock does not name single samples, so a
    comparison with one does not pair them. Exit code 0 if at most library versions differ, 1 if
    more does, 2 if one of the two cannot be read.

    Examples:

        vbdata diff old/build new/build

        vbdata diff manifests/demo.lock.json demo/build --json

        vbdata diff s3://bucket/old out --members --limit 20
    """
    with reported(as_json):
        from vbdata.errors import BuildError, RecipeError
        from vbdata.locks.diff import compare
        from vbdata.terminal.diff import show

        try:
            differences = compare(a, b, limit=limit, members=members)
        except BuildError as err:  # 1 is the exit code of builds that differ
            raise RecipeError([str(err)]) from err
        show(differences, as_json)
        if not differences.same:
            raise typer.Exit(EXIT_FAILED)


@dataclass(frozen=True)
class Locking:
    """What a build does with a lock: write it, be held against it (`held`), or nothing."""

    path: Path = Path()
    write: bool = False
    held: LockFile | None = None
    as_json: bool = False


def locking(recipe: Path, write: bool, locked: bool, file: Path | None, as_json: bool) -> Locking:
    """What the options ask for. Raises RecipeError if they exclude each other; for a bad lock."""
    from vbdata.errors import RecipeError

    if write and locked:
        raise RecipeError(["--lock and --locked: a build writes its lock or is held against it"])
    if file and not write and not locked:
        raise RecipeError(["--lock-file: only together with --lock or --locked"])
    if not write and not locked:
        return Locking()
    from vbdata.locks.lock import beside, read_lock

    path = file or beside(recipe)
    return Locking(path, write, read_lock(str(path)) if locked else None, as_json)


def build_held(
    recipe: Recipe, out: Folder, how: How, watcher: Watcher, against: Locking
) -> dict[str, Any]:
    """Build, and check the build against the lock if there is one; print what the lock warns of."""
    if against.held is None:
        from vbdata.engine.build import build

        return build(recipe, out, how, watcher)
    from vbdata.locks.held import build_held

    def say(text: str) -> None:
        shown = f"vbdata: {against.path}: {text}"
        if against.as_json:
            shown = events.line("lock", lock=str(against.path), text=text)
        typer.echo(shown, err=not against.as_json)

    return build_held(recipe, out, how, watcher, against.held, str(against.path), say)


def finish(against: Locking, out: Folder) -> None:
    """Write the lock, or say that the build is what its lock says."""
    if against.write:
        _write(out, against.path, against.as_json)
    elif against.held is not None:
        from vbdata.manifest.opened import open_build

        digest = open_build(out).document["digest"]
        line = events.line("locked", lock=str(against.path), digest=digest)
        text = f"locked: the same bytes as {against.path} has"
        typer.echo(line if against.as_json else text)


def _write(out: Folder, path: Path, as_json: bool) -> None:
    """Write a build's lock and say so."""
    from vbdata.locks.held import write_lock
    from vbdata.manifest.opened import open_build

    made, size = write_lock(out, path)
    digest = open_build(out).document["digest"]  # the build's, as everywhere else
    line = events.line("lock written", lock=str(path), digest=digest, bytes=size)
    text = f"{path}: {len(made.shards)} shards, {made.samples} samples, digest {digest[:16]}"
    typer.echo(line if as_json else text)
