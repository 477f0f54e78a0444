"""Every file in pipelines/ and transforms/ keeps its contract, over its demo data."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers import figures, mattes
from vbdata import plugins
from vbdata.core.types import Entry, Source
from vbdata.engine.build import index_sources
from vbdata.index.index import Index, build_index
from vbdata.recipe.recipe import Recipe
from vbdata.sources.open import open_root
from vbdata.testing import check_reader, check_task, served_by

DATASETS = plugins.names(plugins.DATASETS)
TASKS = plugins.names(plugins.TASKS)


@pytest.fixture(scope="module")
def index_of(
    demo_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Index]:
    """The index of a reader's demo data, made when it is asked for."""
    folder = tmp_path_factory.mktemp("indices")

    @functools.cache
    def index(name: str) -> Index:
        return build_index(
            Source(name=name, dataset=name, roots=(str(demo_of(name)),), tasks={}), folder
        )

    return index


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_says_what_it_is(name: str) -> None:
    module = plugins.dataset(name)
    assert len(inspect.getdoc(module) or "") > 400
    assert module.HOMEPAGE.startswith("http")
    for option in plugins.options(module.index).values():
        assert option.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", DATASETS)
def test_an_index_is_sorted_and_load_yields_what_it_promises(
    name: str, demo_of: Callable[[str], Path]
) -> None:
    found = check_reader(name, demo_of(name))
    _as_stated(plugins.dataset(name), found)
    assert [e.id for e in found] == sorted({e.id for e in found})


def _as_stated(reader: ModuleType, entries: list[Entry]) -> None:
    """The codings in records are those that the reader states for docs/frames.md."""
    said = getattr(reader, "STORED", {})
    for entry in entries if said else ():
        about = json.loads(entry.record) if entry.record.startswith(b"{") else {}
        if isinstance(coding := about.get("depth"), dict) and "recipe" not in said["depth"]:
            assert coding["kind"] == re.split(r"\W", said["depth"])[0]
        if isinstance(coding := about.get("normals"), dict) and "turn" not in coding:
            assert re.match("as the recipe|" + ", ".join(coding["frame"]), said["normals"])


@pytest.mark.parametrize("name", TASKS)
def test_a_task_serves_every_dataset_that_can(
    name: str, demo_of: Callable[[str], Path], index_of: Callable[[str], Index], tmp_path: Path
) -> None:
    needs, served = plugins.task(name).NEEDS, 0
    assert len(inspect.getdoc(plugins.task(name)) or "") > 100
    for reader in DATASETS:
        labels = plugins.dataset(reader).LABELS
        again = served and needs[0] not in ("image", *labels)  # as depth for relative depth: slow
        if plugins.suffice(labels, needs) and not again:
            root = open_root((str(demo_of(reader)),), mount=plugins.mounts(reader))
            served += served_by(name, index_of(reader), root)
    if name == "keypoints":  # which no reader offers by default
        folder = figures.write(tmp_path / "figures")
        given = {"few": 0}
        served += check_task(name, "coco", folder, task_options=given, segments="person_keypoints")
    if name in ("matte", "foreground"):  # which no miniature offers
        where = mattes.made(tmp_path / "mattes").parent
        served += check_task(name, "folders", where, images="im/{id}.png", matte="mt/{id}.png")
    assert served


def test_entries_stay_on_the_disk(index_of: Callable[[str], Index], tmp_path: Path) -> None:
    import pyarrow as pa

    before = pa.total_allocated_bytes()
    source = index_of("coco").source
    index = build_index(source, tmp_path)
    size = index.stored.path.stat().st_size
    assert size > 10_000
    index.entries(range(len(index)))
    held = pa.total_allocated_bytes() - before - index.facts.nbytes
    assert held < size / 10


def test_indexing_is_a_function_of_the_data(demo_recipe: Recipe, tmp_path: Path) -> None:
    one, two = (index_sources(demo_recipe, tmp_path / n) for n in "ab")
    assert [i.fingerprint for i in one] == [i.fingerprint for i in two]
