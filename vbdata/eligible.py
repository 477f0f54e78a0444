"""Which entries of an index may serve a task, by its facts alone: no pixel is read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.errors import BadSample, RecipeError
from vbdata.geometry import geometry_for
from vbdata.index import Index
from vbdata.mix import Ints
from vbdata.recipe import Image, Recipe


def eligible(index: Index, task: str, fits: NDArray[np.bool_]) -> Ints:
    """Index rows without a fault that fit, have the labels the task needs, and that it accepts."""
    module = plugins.task(task)
    able = index.facts["fault"].to_numpy(zero_copy_only=False) == ""
    offered = index.facts["labels"].combine_chunks()
    parent = pc.list_parent_indices(offered).to_numpy()
    flat = pc.list_flatten(offered).to_numpy(zero_copy_only=False)
    for need in set(module.NEEDS) - {"image"}:
        has: NDArray[np.bool_] = np.zeros(len(index), np.bool_)
        has[parent[flat == need]] = True
        able = able & has
    return np.flatnonzero(able & fits & module.eligible(index.facts))


def fits_in(index: Index, image: Image) -> NDArray[np.bool_]:
    """Whether an entry's size leaves anything under the recipe's geometry."""
    columns = [index.facts[name].to_numpy() for name in ("width", "height")]
    sizes, which = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    good = [_leaves_something(int(w), int(h), image) for w, h in sizes]
    return np.array(good, np.bool_)[which.reshape(-1)]


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
        found = sorted(set(indices[name].facts["license"].to_pylist()))
        faults.append(
            f"sources.{name}: licence_policy is {recipe.licence_policy!r}, and its records are "
            f"{', '.join(map(repr, found))}: not known to allow it"
        )
    if faults:
        raise RecipeError(faults)
