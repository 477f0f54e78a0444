"""`vbdata demo-data`: call the writer of every dataset that has one (pipelines/demo/NAME.py)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from vbdata import plugins
from vbdata.errors import BuildError

WRITERS = f"{plugins.DATASETS}.demo"


def write_all(folder: Path, seed: int) -> Iterator[tuple[str, int]]:
    """Write every demo dataset into folder/NAME; yields the name and the number of its files."""
    if folder.exists() and any(folder.iterdir()):
        raise BuildError(f"{folder} is not empty; demo data goes into a new folder")
    for name in plugins.names(plugins.DATASETS):
        if name in plugins.names(WRITERS):
            target = folder / name
            target.mkdir(parents=True)
            importlib.import_module(f"{plugins.HOME}.{WRITERS}.{name}").write(target, seed=seed)
            yield name, sum(path.is_file() for path in target.rglob("*"))
