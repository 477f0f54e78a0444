"""`vbdata demo-data`: call the writer of every dataset that has one (pipelines/demo/NAME.py)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from vbdata import plugins
from vbdata.errors import BuildError

WRITERS = f"{plugins.DATASETS}.demo"


def datasets() -> list[str]:
    """The names of the datasets that have a writer, sorted."""
    writers = plugins.names(WRITERS)
    return [name for name in plugins.names(plugins.DATASETS) if name in writers]


def write(name: str, folder: Path, seed: int) -> None:
    """Write one demo dataset, in the official layout of that name, into a new folder."""
    folder.mkdir(parents=True)
    importlib.import_module(f"{plugins.HOME}.{WRITERS}.{name}").write(folder, seed=seed)


def write_all(folder: Path, seed: int) -> Iterator[tuple[str, int]]:
    """Write every demo dataset into folder/NAME; yields the name and the number of its files."""
    if folder.exists() and any(folder.iterdir()):
        raise BuildError(f"{folder} is not empty; demo data goes into a new folder")
    for name in datasets():
        write(name, folder / name, seed)
        yield name, sum(path.is_file() for path in (folder / name).rglob("*"))
