"""Every file in pipelines/ and transforms/ keeps its contract, over its demo data."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vbdata import plugins
from vbdata.core.images import decode_rgb
from vbdata.core.rng import Stream
from vbdata.core.types import Depth, Entry, Normals, Segments, Source
from vbdata.engine.build import index_sources
from vbdata.index.index import Index, build_index
from vbdata.recipe.recipe import Recipe
from vbdata.storage.folder import Folder

DATASETS = plugins.names(plugins.DATASETS)
TASKS = plugins.names(plugins.TASKS)
KINDS: dict[str, type | tuple[type, ...]] = {
    "depth": Depth,
    "normals": Normals,
    "segments": Segments,
    "captions": tuple,
    "expressions": tuple,
    "edited": (bytes, np.ndarray),
}


@pytest.fixture(scope="module")
def indices(demo_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Index]:
    folder = tmp_path_factory.mktemp("indices")
    sources = [Source(name=n, dataset=n, roots=(str(demo_data / n),), tasks={}) for n in DATASETS]
    return {source.name: build_index(source, folder) for source in sources}


def entries_of(index: Index) -> list[Entry]:
    return index.entries(range(len(index)))


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_says_what_it_is(name: str) -> None:
    module = plugins.dataset(name)
    assert len(inspect.getdoc(module) or "") > 400
    assert set(module.LABELS) <= set(KINDS)
    assert module.LICENSE
    assert module.HOMEPAGE.startswith("http")
    for option in plugins.options(module.index).values():
        assert option.default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", DATASETS)
def test_an_index_is_sorted_complete_and_repeatable(
    name: str, demo_data: Path, indices: dict[str, Index], tmp_path: Path
) -> None:
    index = indices[name]
    found = entries_of(index)
    again = list(plugins.dataset(name).index(Folder(str(demo_data / name))))
    assert found == again
    assert [e.id for e in found] == sorted({e.id for e in found})
    assert all(e.width > 0 and e.height > 0 and e.group and e.license for e in found)
    assert all(set(e.labels) <= set(plugins.dataset(name).LABELS) for e in found)


@pytest.mark.parametrize("name", DATASETS)
def test_load_yields_what_the_index_promises(
    name: str, demo_data: Path, indices: dict[str, Index]
) -> None:
    module, root = plugins.dataset(name), Folder(str(demo_data / name))
    for entry in entries_of(indices[name])[:8]:
        if entry.fault:
            continue
        sample = module.load(root, entry, entry.labels)
        for kind in entry.labels:
            check_label(kind, sample.labels[kind], entry)


def check_label(kind: str, label: Any, entry: Entry) -> None:
    size = (entry.height, entry.width)
    assert isinstance(label, KINDS[kind])
    if isinstance(label, Depth):
        assert label.metres.dtype == np.float32
        assert label.metres.shape == label.valid.shape == size
        assert bool((label.metres[label.valid] > 0).all())
    elif isinstance(label, Normals):
        assert label.xyz.shape == (3, *size)
        length = np.sqrt(np.square(label.xyz).sum(0))[label.valid]
        assert float(np.abs(length - 1).max()) < 1e-3
        assert not bool((label.valid & label.sky).any())
    elif isinstance(label, Segments):
        assert label.ids.shape == label.valid.shape == size
        assert len(label.classes) == len(label.things) == len(label.crowds)
        assert 0 <= int(label.ids.min()) <= int(label.ids.max()) <= len(label.classes)
        facts = {fact.name: fact.instances for fact in entry.classes}
        for fact_name, count in facts.items():
            parts = zip(label.classes, label.things, label.crowds, strict=True)
            assert count == sum(c == fact_name and thing and not crowd for c, thing, crowd in parts)
        parts = [(fact, part) for fact in entry.classes for part in fact.parts]
        for fact, (place, area) in parts:
            assert (label.classes[place], label.things[place]) == (fact.name, fact.thing)
            assert (area < 0) == (label.crowds[place] or not label.things[place])
        assert len({place for _, (place, _) in parts}) == len(parts)
        if entry.classes:
            assert sum(fact.instances for fact in entry.classes) == sum(
                a >= 0 for _, (_, a) in parts
            )
    elif kind == "edited":
        rgb = decode_rgb(label) if isinstance(label, bytes) else label
        assert rgb.dtype == np.uint8
        assert rgb.shape == (*size, 3)
    elif kind == "expressions":
        assert label == entry.expressions
        assert all(" ".join(e.text.split()) == e.text and e.text for e in label)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_serves_every_dataset_that_can(
    name: str, demo_data: Path, indices: dict[str, Index]
) -> None:
    task, served = plugins.task(name), 0
    assert len(inspect.getdoc(task) or "") > 100
    for dataset, index in indices.items():
        needs = [need for need in task.NEEDS if need != "image"]
        if not set(needs) <= set(plugins.dataset(dataset).LABELS):
            continue
        able = task.eligible(index.facts)
        assert able.shape == (len(index),)
        assert able.dtype == np.bool_
        able &= [set(needs) <= set(e.labels) and not e.fault for e in entries_of(index)]
        for entry in index.entries(np.flatnonzero(able)[:4]):
            check_task(name, dataset, entry, Folder(str(demo_data / dataset)))
            served += 1
    assert served


def check_task(name: str, dataset: str, entry: Entry, root: Folder) -> None:
    task = plugins.task(name)
    ask, again = (task.ask(entry, Stream("contract", entry.id)) for _ in range(2))
    assert ask == again
    assert json.loads(json.dumps(ask.params)) == ask.params
    assert ask.instruction == " ".join(ask.instruction.split())
    sample = plugins.dataset(dataset).load(root, entry, [n for n in task.NEEDS if n != "image"])
    kind = task.NEEDS[0]
    label = np.zeros((entry.height, entry.width, 3), np.uint8)
    label = sample.labels[kind] if kind != "image" else label
    if isinstance(label, bytes | np.ndarray):
        label = decode_rgb(label) if isinstance(label, bytes) else label
    rgb = task.render(label, ask.params)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (entry.height, entry.width, 3)
    assert task.valid(label, ask.params).shape == (entry.height, entry.width)
    assert bool(task.legal(rgb, ask.params).all())
    decoded = task.decode(rgb, ask.params)
    assert isinstance(decoded, type(label))


def test_entries_stay_on_the_disk(indices: dict[str, Index], tmp_path: Path) -> None:
    import pyarrow as pa

    before = pa.total_allocated_bytes()
    source = indices["coco"].source
    index = build_index(source, tmp_path)
    size = index.stored.path.stat().st_size
    assert size > 10_000
    index.entries(range(len(index)))
    held = pa.total_allocated_bytes() - before - index.facts.nbytes
    assert held < size / 10


def test_indexing_is_a_function_of_the_data(demo_recipe: Recipe, tmp_path: Path) -> None:
    one, two = (index_sources(demo_recipe, tmp_path / n) for n in "ab")
    assert [i.fingerprint for i in one] == [i.fingerprint for i in two]
