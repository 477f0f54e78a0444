"""Which entries of an index may serve a task, by its facts alone: no pixel is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.geometry import geometry_for
from vbdata.errors import BadSample, RecipeError
from vbdata.index.index import Index
from vbdata.planning.mixture import Ints
from vbdata.recipe.recipe import Image, Recipe


def eligible_rows(index: Index, tasks: Iterable[str], fits: NDArray[np.bool_]) -> dict[str, Ints]:
    """Index rows that fit and can serve a task, by task; tasks with the same rows share them."""
    found: dict[str, Ints] = {}
    for task in tasks:
        rows = _eligible(index, task, fits)
        found[task] = next((old for old in found.values() if np.array_equal(old, rows)), rows)
    return found


def _eligible(index: Index, task: str, fits: NDArray[np.bool_]) -> Ints:
    """Index rows that fit, have the labels that the task needs, and that it accepts."""
    module = plugins.task(task)
    able = fits & module.eligible(index.facts)
    for need in set(module.NEEDS) - {"image"}:
        able = able & _offers(index.facts["labels"], need)
    return np.flatnonzero(able)


def _offers(labels: pa.ChunkedArray, kind: str) -> NDArray[np.bool_]:
    """Which entries have a kind of label."""
    has = [np.empty(0, np.bool_)]
    for chunk in labels.chunks:
        hit = pc.equal(pc.list_flatten(chunk), kind).to_numpy(zero_copy_only=False)
        found = np.zeros(len(chunk), np.bool_)
        found[pc.list_parent_indices(chunk).to_numpy()[hit]] = True
        has.append(found)
    return np.concatenate(has)


def fits_in(index: Index, image: Image) -> NDArray[np.bool_]:
    """Whether an entry is without fault, and its size leaves anything under the geometry."""
    width, height = (index.facts[name].to_numpy().astype(np.int64) for name in ("width", "height"))
    size = pc.dictionary_encode(pa.array(width << 32 | height))
    good = [
        _leaves_something(each >> 32, each & 0xFFFFFFFF, image)
        for each in size.dictionary.to_pylist()
    ]
    able = np.array(good, np.bool_)[size.indices.to_numpy()]
    sound = pc.equal(index.facts["fault"], "").to_numpy()
    return np.asarray(able & sound)


def _leaves_something(width: int, height: int, image: Image) -> bool:
    try:
        geometry_for(width, height, image.max_pixels, image.multiple_of)
    except BadSample:
        return False
    return True


def state(index: Index, barred: Mapping[str, int]) -> str:
    """How many entries there are, how many are barred or faulty, and what the first fault is."""
    faults = index.faults()
    said = f", {len(faults)} of them faulty ({faults[0].id}: {faults[0].fault})" if faults else ""
    out = "".join(f", {count} barred by {cause}" for cause, count in barred.items() if count)
    return f"{len(index)} entries{said}{out}"


def refuse_sources(
    recipe: Recipe, indices: Mapping[str, Index], barred: Mapping[str, Mapping[str, int]]
) -> None:
    """Raise RecipeError that names the sources of which the licence policy leaves nothing."""
    refused = [n for n, index in indices.items() if barred[n]["licence"] == len(index) > 0]
    faults = []
    for name in refused:
        found = sorted(pc.unique(indices[name].facts["license"]).to_pylist())
        faults.append(
            f"sources.{name}: licence_policy is {recipe.licence_policy!r}, and its records are "
            f"{', '.join(map(repr, found))}: not known to allow it"
        )
    if faults:
        raise RecipeError(faults)
