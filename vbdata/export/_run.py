"""`vbdata export`: shards side by side, each done once, then what is about all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from vbdata.errors import BadSample, BuildError, RecipeError, choices
from vbdata.export import format_of
from vbdata.export._folder import claim, finish, read_report, tidy
from vbdata.export._shard import done_path, export_shard
from vbdata.export.options import BLANKS, ExportOptions, Summary
from vbdata.manifest.opened import Build, open_build
from vbdata.storage.folder import Folder

Step = Callable[[int, int], None]  # shards written, of how many


def export(
    folder: Folder,
    out: Folder,
    options: ExportOptions,
    *,
    workers: int = 1,
    step: Step = lambda done, of: None,
) -> dict[str, Any]:
    """Export a finished build; returns what export.json says. The bytes do not depend on workers.

    An export of the same build and options that was interrupted goes on; a finished one is left as
    it is. Raises RecipeError for options that cannot be, BuildError for a build that is not what it
    says or a folder that holds something else.
    """
    form = format_of(options.format)
    build = open_build(folder)
    build.check_rows()
    _refuse(build, options, out)
    order = options.order(build.manifest.digest)
    if claim(out, order):
        tidy(out)
        return read_report(out)
    shards = len(build.manifest.shards)
    todo = [number for number in range(shards) if out.size(done_path(number)) < 0]
    work = partial(_one, build, options, out)
    step(shards - len(todo), shards)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for done, _ in enumerate(pool.map(work, todo), shards - len(todo) + 1):
                step(done, shards)
        except BaseException:  # what waits is not begun; what runs ends
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    summary = Summary(name=build.manifest.name, order=order)
    finish(out, shards, summary, form)
    return read_report(out)


def _one(build: Build, options: ExportOptions, out: Folder, number: int) -> None:
    try:
        export_shard(build, number, options, format_of(options.format), out)
    except (ValueError, BadSample) as err:  # a tar that is none
        raise build.damaged(f"{build.manifest.shards[number].tar}: {err}") from err
    except OSError as err:
        raise BuildError(f"shard {number:05d} could not be exported: {err}; run it again") from err


def _refuse(build: Build, options: ExportOptions, out: Folder) -> None:
    """Raise RecipeError for what cannot be, with all that is wrong."""
    cells = [(cell.source, cell.task) for cell in build.manifest.cells]
    sources, tasks = ({name for name, *_ in cells}, {name for _, name in cells})
    faults = [
        f"--{what} {name}: the build has none{choices(name, known)}"
        for what, names, known in (
            ("source", options.sources, sources),
            ("task", options.tasks, tasks),
        )
        for name in names
        if name not in known
    ]
    if options.blank not in BLANKS:
        faults.append(f"--blank {options.blank}: unknown{choices(options.blank, BLANKS)}")
    if f"{out.url}/".startswith(f"{build.folder.url.rstrip('/')}/"):
        faults.append(f"--out {out.url}: lies in the build, which is finished")
    if faults:
        raise RecipeError(faults)
