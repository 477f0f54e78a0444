"""The Python door: what `import vbdata` offers besides the command line.

The functions take paths or URLs as the commands do, raise what the commands print, and never print
or exit. `import vbdata` loads none of this: each name is imported when it is first used.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vbdata.checks import verify as checks
from vbdata.engine import build as engine
from vbdata.engine.progress import Watcher
from vbdata.locks.held import build_held, write_lock
from vbdata.locks.lock import beside, read_lock
from vbdata.manifest.opened import Build
from vbdata.manifest.opened import open_build as opened
from vbdata.planning.plan import Plan, make_plan
from vbdata.recipe.recipe import Recipe
from vbdata.recipe.recipe import load_recipe as loaded
from vbdata.run.how import How
from vbdata.storage.folder import Folder

Roots = Mapping[str, str | Sequence[str]]


def load_recipe(path: str | Path, roots: Roots | None = None) -> Recipe:
    """Read and check a recipe, a YAML file; no data is opened.

    roots: source -> where its data lies, a folder, zip, tar or URL, or several of them; overrides
    what the file says and changes no digest. Raises RecipeError that tells all faults at once, each
    with file, key, value and the known choices.

        >>> recipe = vbdata.load_recipe("manifests/demo.yaml")
        >>> recipe.samples
        96
    """
    return loaded(Path(path), roots or {})


def plan(recipe: Recipe | str | Path, roots: Roots | None = None) -> Plan:
    """Index the sources of a recipe and plan which sample stands where; opens no image.

    Plan.cells is the mixture: one (source, task) each, with `count`, the samples of it, and `rows`,
    int64[...], the rows of the source's index that can serve. Plan.table is int64[shards, cells].
    The index lies in a temporary folder as long as the plan is used. Raises RecipeError for a wrong
    recipe or a cell that nothing can serve, SourceError for data that cannot be read.

        >>> planned = vbdata.plan("manifests/demo.yaml")
        >>> {cell.name: cell.count for cell in planned.cells}["hypersim / depth"]
        14
        >>> int(planned.table.sum())
        96
    """
    read, folder = _recipe(recipe, roots), TemporaryDirectory(prefix="vbdata-")
    made = make_plan(read, engine.index_sources(read, Path(folder.name)))
    weakref.finalize(made, folder.cleanup)
    return made


def build(
    recipe: Recipe | str | Path,
    out: str | Path,
    *,
    roots: Roots | None = None,
    workers: int | None = 1,
    ray: str | None = None,
    device: str = "cpu",
    gpus_per_worker: float = 0.0,
    reuse: Sequence[str] = (),
    rehash: bool = False,
    lock: str | Path | bool = False,
    locked: str | Path | bool = False,
    watcher: Watcher | None = None,
) -> Build:
    """Build a recipe into a folder or URL and open it; an interrupted build goes on where it was.

    ray: None builds in this process, "local" on Ray actors of this machine, "auto" or an address on
    a running cluster; workers: how many actors (None: as many as there is room for); device: where
    labels are rendered, "cpu" or "cuda"; reuse: earlier builds whose samples are copied where they
    would come out the same; rehash: read finished shards again instead of trusting their size.
    None of these changes a byte.

    lock: True writes the build's lock beside the recipe, a path writes it there. locked: True holds
    the build against the lock beside the recipe, a path against that one. watcher: is told of the
    plan and of every event. Raises RecipeError for a wrong recipe, LockError for a build that is
    not what its lock says, BuildError for shards that failed or too many damaged records.

        >>> build = vbdata.build("manifests/demo.yaml", "out", lock="demo.lock.json")
        >>> len(build)
        96
        >>> vbdata.build("manifests/demo.yaml", "again", locked="demo.lock.json").manifest.samples
        96
    """
    read, folder = _recipe(recipe, roots), Folder(str(out))
    if lock and locked:
        raise ValueError("lock and locked: a build writes its lock or is held against one")
    write_to, held_by = (_lock_path(recipe, each) for each in (lock, locked))
    how = How(
        workers=workers,
        ray=ray,
        device=device,
        gpus_per_worker=gpus_per_worker,
        reuse=tuple(reuse),
        rehash=rehash,
    )
    if held_by is None:
        engine.build(read, folder, how, watcher)
    else:
        held = read_lock(str(held_by))
        build_held(read, folder, how, watcher or Watcher(), held, str(held_by))
    if write_to is not None:
        write_lock(folder, write_to)
    return opened(folder)


def open_build(url: str | Path) -> Build:
    """Open a finished build, a folder or an fsspec URL: a sequence of its samples.

    A sample has input and target, uint8 RGB [H, W, 3], valid, bool[H, W], instruction, a text, and
    label, what the target says by its task's own decoder: metres (float32[H, W], planar z, inf =
    sky, NaN = invalid), unit normals (float32[H, W, 3], OpenCV axes), ids (int[H, W], 0 =
    background, -1 = invalid) or pixels. Raises BuildError, in one sentence, if there is no build or
    if its manifest is damaged.

        >>> build = vbdata.open_build("out")
        >>> sample = build[0]
        >>> sample.target.shape == (*sample.valid.shape, 3)
        True
        >>> depths = [sample.label for sample in build if sample.task == "depth"]
        >>> len(depths)
        28
        >>> build["00000007"].key
        '00000007'
    """
    return opened(Folder(str(url)))


def verify(url: str | Path, *, sample: int | None = None, workers: int = 1) -> list[str]:
    """What is wrong with a finished build, a sentence each; an empty list if nothing is.

    Reads every byte and decodes every picture, or with `sample` only those of so many samples;
    manifest, rows and sums are read in either case. Raises BuildError if there is no build.

        >>> vbdata.verify("out")
        []
    """
    return list(checks.examine(Folder(str(url)), sample=sample, workers=workers).faults)


def _recipe(recipe: Recipe | str | Path, roots: Roots | None) -> Recipe:
    if not isinstance(recipe, Recipe):
        return load_recipe(recipe, roots)
    if roots:
        raise ValueError("roots: they are given to load_recipe, not with a recipe that is loaded")
    return recipe


def _lock_path(recipe: Recipe | str | Path, given: str | Path | bool) -> Path | None:
    """Where a lock is to be written or read."""
    if not isinstance(given, bool):
        return Path(given)
    if not given:
        return None
    if isinstance(recipe, Recipe):
        raise ValueError("a recipe that is loaded has no place: give the lock's path")
    return beside(Path(recipe))
