"""Demo data: call the writer of every dataset that has one (pipelines/demo/NAME.py).

And a folder for a first build: `vbdata demo` writes the recipe there and the data that it names.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from vbdata import plugins
from vbdata.errors import BuildError
from vbdata.machine.process import one_thread

WRITERS = f"{plugins.DATASETS}.demo"
RECIPE = Path(__file__).parents[1] / "manifests" / "demo.yaml"
ROOTS = "../demo/data"  # where that recipe has its data, as seen from where it lies


def datasets() -> list[str]:
    """The names of the datasets that have a writer, sorted."""
    writers = plugins.names(WRITERS)
    return [name for name in plugins.names(plugins.DATASETS) if name in writers]


def write(name: str, folder: Path, seed: int) -> None:
    """Write one demo dataset, in the official layout of that name, into a new folder."""
    folder.mkdir(parents=True)
    importlib.import_module(f"{plugins.HOME}.{WRITERS}.{name}").write(folder, seed=seed)


def write_all(folder: Path, seed: int) -> Iterator[tuple[str, int]]:
    """Write every demo dataset into folder/NAME; yields the name and the number of its files.

    Raises BuildError if the folder holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BuildError(f"{folder} is not empty; demo data goes into a new folder")
    yield from write_missing(datasets(), folder, seed)


def write_missing(names: Sequence[str], folder: Path, seed: int) -> Iterator[tuple[str, int]]:
    """Write the datasets that are not there into folder/NAME, each in a process of its own.

    Yields the name and the number of files of each that is done. One that is interrupted is not
    there. Raises KeyError for a dataset without a writer, OSError.
    """
    names = [name for name in names if not (folder / name).exists()]
    if unknown := [name for name in names if name not in datasets()]:
        raise KeyError(f"no writer of demo data for {', '.join(unknown)}")
    if not names:
        return
    folder.mkdir(parents=True, exist_ok=True)
    some = min(len(names), os.cpu_count() or 1)
    pool = ProcessPoolExecutor(some, get_context("spawn"), initializer=one_thread)
    try:
        for done in as_completed([pool.submit(_write_whole, n, folder, seed) for n in names]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _write_whole(name: str, folder: Path, seed: int) -> tuple[str, int]:
    part = folder / f".{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    write(name, part, seed)
    part.rename(folder / name)
    return name, sum(path.is_file() for path in (folder / name).rglob("*"))


def first_recipe(folder: Path) -> Path:
    """The recipe of a first build, written as folder/demo.yaml over the data in folder/data.

    Raises BuildError if there is another file of that name.
    """
    path, text = folder / "demo.yaml", RECIPE.read_text(encoding="utf-8").replace(ROOTS, "data")
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise BuildError(f"{path} is another recipe than the demo's; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
