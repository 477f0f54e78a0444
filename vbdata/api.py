"""The Python interface: the functions that `import vbdata` offers.

They take paths and URLs as the commands do, raise the errors that the commands print, and never
print or exit themselves. `import vbdata` does not load this module: that happens when one of the
functions is first used.
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
from vbdata.planning.make import make_plan
from vbdata.planning.plan import Plan
from vbdata.recipe.recipe import Recipe
from vbdata.recipe.recipe import load_recipe as loaded
from vbdata.run.how import How
from vbdata.storage.folder import Folder

Place = str | Path
Roots = Mapping[str, Place | Sequence[Place]]  # by source: one place of its data, or several


def load_recipe(path: str | Path, roots: Roots | None = None) -> Recipe:
    """Read and check a recipe, a YAML file; no data is opened.

    roots: source -> where its data lies, a folder, zip, tar or URL, or a list of them. They
    override those in the file and change no digest. Raises RecipeError with all faults at once,
    each with file, key, value and the known choices.

        >>> recipe = vbdata.load_recipe("manifests/demo.yaml")
        >>> recipe.samples
        96
    """
    given = {name: [str(each) for each in _several(at)] for name, at in (roots or {}).items()}
    return loaded(Path(path), given)


def plan(recipe: Recipe | str | Path, roots: Roots | None = None) -> Plan:
    """Index the sources of a recipe and plan which sample goes into which shard; opens no image.

    recipe: a path, or what `load_recipe` returned; roots: source -> where its data lies, only with
    a path. `cells` of the plan is the mixture: each cell is a source and a task, with `count`, its
    number of samples, and `rows`, int64[n], the rows of the source's index that can serve it.
    `table`, int64[shards, cells], is how many samples of each cell a shard gets. The index is kept
    in a temporary folder for as long as the plan is in use. Raises RecipeError for a wrong recipe
    or a cell that no record can serve, SourceError for data that cannot be read.

        >>> planned = vbdata.plan("manifests/demo.yaml")
        >>> sum(cell.count for cell in planned.cells)
        96
        >>> planned.table.shape == (3, len(planned.cells))
        True
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
    reuse: Place | Sequence[Place] = (),
    rehash: bool = False,
    lock: str | Path | bool = False,
    locked: str | Path | bool = False,
    watcher: Watcher | None = None,
) -> Build:
    """Build a recipe into a folder or URL and open the build; an interrupted build is resumed.

    recipe: a path, or what `load_recipe` returned; roots: source -> where its data lies, only with
    a path. ray: None builds in this process, "local" on Ray actors of this machine, "auto" or an
    address on a running cluster; workers: how many actors, None for as many as there is room for;
    device: where labels are rendered, "cpu" or "cuda"; gpus_per_worker: GPUs that an actor
    reserves; reuse: earlier builds, from which samples are copied that would come out the same;
    rehash: whether finished shards are read again instead of trusted by their size, and the raw
    data of their samples, too, to build again what has changed. None of these changes a byte.

    lock: True writes the build's lock beside the recipe, a path writes it there. locked: True
    compares the build with the lock beside the recipe, a path with that one. watcher: called with
    the plan and with the progress. Raises RecipeError for a wrong recipe or lock, SourceError for
    data that cannot be read, LockError, a BuildError, for a build that is not what its lock says,
    BuildError for shards that failed or too many damaged records, ValueError for arguments that
    exclude each other.

        >>> build = vbdata.build("manifests/demo.yaml", "out", lock="demo.lock.json")
        >>> len(build)
        96
        >>> vbdata.build("manifests/demo.yaml", "again", locked="demo.lock.json").manifest.samples
        96
    """
    read, folder = _recipe(recipe, roots), Folder(str(out))
    if workers is not None and workers < 1:
        raise ValueError(f"workers: {workers}; at least 1, or None: as many as have room")
    if gpus_per_worker < 0:
        raise ValueError(f"gpus_per_worker: {gpus_per_worker}; 0 or more")
    if lock and locked:
        raise ValueError("lock and locked: a build writes its lock or is held against one")
    write_to, held_by = (_lock_path(recipe, each) for each in (lock, locked))
    how = How(
        workers=workers,
        ray=ray,
        device=device,
        gpus_per_worker=gpus_per_worker,
        reuse=tuple(str(each) for each in _several(reuse)),
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
    """Open a finished build, a folder or an fsspec URL, as a sequence of its samples.

    `build[0]` is a sample by its place, `build["00000007"]` by its key. A sample has `input` and
    `target`, uint8 RGB [H, W, 3]; `valid`, bool[H, W], where the target has a label; `instruction`,
    the prompt; `task`, `source`, `key` and `params`; and `label`, which the task's own decoder
    reads in the target: depth as float32[H, W] metres (planar z, inf = sky, NaN = invalid), normals
    as float32[H, W, 3] unit vectors (OpenCV axes, NaN = invalid), segments as int[H, W] ids (0 =
    background, -1 = invalid), images as uint8[H, W, 3]; vbdata.codecs has the others. Raises
    BuildError, in one sentence, if there is no finished build or if its manifest is damaged.

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
    """Check a finished build: a sentence for each fault, or an empty list if it is whole.

    Reads every byte and decodes every image, or with `sample` only those of so many samples;
    manifest, rows and sums are checked in either case. workers: how many processes. Raises
    BuildError if there is no finished build.

        >>> vbdata.verify("out")
        []
    """
    if workers < 1 or (sample is not None and sample < 0):
        raise ValueError(f"workers: {workers}, sample: {sample}; at least 1, and 0 or more")
    return list(checks.examine(Folder(str(url)), sample=sample, workers=workers).faults)


def _several(places: Place | Sequence[Place]) -> Sequence[Place]:
    """One place, or several, as several."""
    return [places] if isinstance(places, str | Path) else places


def _recipe(recipe: Recipe | str | Path, roots: Roots | None) -> Recipe:
    if not isinstance(recipe, Recipe):
        return load_recipe(recipe, roots)
    if roots:
        raise ValueError(f"roots of {', '.join(roots)}: give them to load_recipe, with the path")
    return recipe


def _lock_path(recipe: Recipe | str | Path, given: str | Path | bool) -> Path | None:
    """The path of a lock by the argument `lock` or `locked`; None for no lock."""
    if not isinstance(given, bool):
        return Path(given)
    if not given:
        return None
    if isinstance(recipe, Recipe):
        raise ValueError(
            "True means beside the recipe's file, and this one is loaded: give the lock's path"
        )
    return beside(Path(recipe))
