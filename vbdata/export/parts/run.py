"""The run of an export: shards side by side, each done once, then what is about all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from vbdata.errors import BadSample, BuildError, RecipeError, choices
from vbdata.export import format_of
from vbdata.export.parts.folder import claim, finish, read_report, remove_state
from vbdata.export.parts.layout import arranged
from vbdata.export.parts.shard import done_path, export_shard
from vbdata.export.parts.types import BLANKS, ODD_SIZES, ExportOptions, Layout, Summary
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
    """Export the finished build in `folder` to `out` and return what export.json says.

    workers: how many shards are written at once, by threads; step: called with the shards that are
    written and with how many there are. The bytes do not depend on workers.

    An export of the same build with the same options is resumed if it was interrupted, and left as
    it is if it is finished. Raises RecipeError for options that the build does not have, and for
    samples that the trainer would resize (vbdata.export.parts.layout); BuildError if there is no
    build, if it is damaged, or if `out` holds anything else.
    """
    form = format_of(options.format)
    build = open_build(folder)
    build.check(build.manifest.rows)
    _check_options(build, options, out)
    layout = arranged(build, options, form)
    order = options.order(build.manifest.digest)
    if claim(out, order):
        remove_state(out)
        return read_report(out)
    shards = len(build.manifest.shards)
    todo = [number for number in range(shards) if out.size(done_path(number)) < 0]
    work = partial(_export_one, build, options, layout, out)
    step(shards - len(todo), shards)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for done, _ in enumerate(pool.map(work, todo), shards - len(todo) + 1):
                step(done, shards)
        except BaseException:  # shards that wait are not begun, those under way are finished
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    summary = Summary(name=build.manifest.name, order=order, layout=layout)
    finish(out, shards, summary, form)
    return read_report(out)


def _export_one(
    build: Build, options: ExportOptions, layout: Layout, out: Folder, number: int
) -> None:
    try:
        export_shard(build, number, options, format_of(options.format), layout, out)
    except (ValueError, BadSample) as err:  # the tar is damaged
        raise build.damaged(f"{build.manifest.shards[number].tar}: {err}") from err
    except OSError as err:
        raise BuildError(
            f"{out.url}: shard {number:05d} could not be written: {err}; run the export again"
        ) from err


def _check_options(build: Build, options: ExportOptions, out: Folder) -> None:
    """Raise RecipeError with everything that is wrong with the options for this build."""
    cells = [(cell.source, cell.task) for cell in build.manifest.cells]
    sources, tasks = ({name for name, *_ in cells}, {name for _, name in cells})
    faults = [
        f"--{option} {name}: the build has none{choices(name, known)}"
        for option, names, known in (
            ("source", options.sources, sources),
            ("task", options.tasks, tasks),
        )
        for name in names
        if name not in known
    ]
    if options.blank not in BLANKS:
        faults.append(f"--blank {options.blank}: unknown{choices(options.blank, BLANKS)}")
    if options.odd_sizes not in ODD_SIZES:
        known = choices(options.odd_sizes, ODD_SIZES)
        faults.append(f"--odd-sizes {options.odd_sizes}: unknown{known}")
    if f"{out.url}/".startswith(f"{build.folder.url.rstrip('/')}/"):
        faults.append(f"--out {out.url}: lies in the build, which is finished")
    if faults:
        raise RecipeError(faults)
