"""Which entries of an index can serve a task, by the facts of the index: no image is opened."""

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
from vbdata.plugins.contract import ENOUGH
from vbdata.recipe.keys import Image
from vbdata.recipe.recipe import Recipe


def eligible_rows(
    index: Index, tasks: Iterable[str], fits: NDArray[np.bool_], enumerated: bool = False
) -> dict[str, Ints]:
    """Index rows that fit and can serve a task, by task: int64[rows], ascending.

    fits: bool[entries]; enumerated: serve for at least one query, whether or not the task would
    draw them. Tasks with equal rows share one array: with millions of entries and a dozen
    tasks that need the same labels, copies would be what fills the memory.
    """
    by_task: dict[str, Ints] = {}
    for task in tasks:
        rows = _eligible(index, task, fits, enumerated)
        by_task[task] = next((old for old in by_task.values() if np.array_equal(old, rows)), rows)
    return by_task


def _eligible(index: Index, task: str, fits: NDArray[np.bool_], enumerated: bool) -> Ints:
    """Index rows that fit, have the labels that the task needs, and that the task accepts."""
    module = plugins.task(task)
    able = fits & (
        plugins.queries(task, index.facts) > 0 if enumerated else module.eligible(index.facts)
    )
    for need in set(module.NEEDS) - {"image"}:
        able = able & offers(index.facts["labels"], need) & ~lacking(index, need)
    return np.flatnonzero(able)


def lacking(index: Index, kind: str) -> NDArray[np.bool_]:
    """Which entries name a file of their image, or of a kind of label, that is not there.

    bool[entries]. A kind's files are those that the reader's FILES names, else the one of its name;
    those of a kind that has all of it (ENOUGH of vbdata.plugins.contract) are needed in its place.
    """
    missing = index.facts["missing"]
    if not pc.any(pc.greater(pc.list_value_length(missing), 0)).as_py():
        return np.zeros(len(index), np.bool_)
    named = getattr(plugins.dataset(index.source.dataset), "FILES", {})
    kinds = [each for each in (kind, ENOUGH.get(kind)) if each]
    roles = [role for each in kinds for role in named.get(each, (each,))]
    return np.logical_or.reduce([has(missing, role) for role in roles])


def offers(labels: pa.ChunkedArray, kind: str) -> NDArray[np.bool_]:
    """Which entries have a kind, or one that has all of it: bool[entries].

    labels: a list of kinds for each entry.
    """
    more = ENOUGH.get(kind)
    return has(labels, kind) | has(labels, more) if more else has(labels, kind)


def has(lists: pa.ChunkedArray, text: str) -> NDArray[np.bool_]:
    """Which entries have a text in their list: bool[entries]."""
    masks = [np.empty(0, np.bool_)]
    for chunk in lists.chunks:
        hit = pc.equal(pc.list_flatten(chunk), text).to_numpy(zero_copy_only=False)
        mask = np.zeros(len(chunk), np.bool_)
        mask[pc.list_parent_indices(chunk).to_numpy()[hit]] = True
        masks.append(mask)
    return np.concatenate(masks)


def fits_in(index: Index, image: Image) -> NDArray[np.bool_]:
    """Which entries have no fault, their image's file, and a size that the recipe's geometry takes.

    bool[entries].
    """
    width, height = (index.facts[name].to_numpy().astype(np.int64) for name in ("width", "height"))
    # Each size is tried once: a dataset has millions of images and a few hundred sizes.
    size = pc.dictionary_encode(pa.array(width << 32 | height))
    good = [
        _leaves_something(each >> 32, each & 0xFFFFFFFF, image)
        for each in size.dictionary.to_pylist()
    ]
    fits = np.array(good, np.bool_)[size.indices.to_numpy()]
    no_fault = pc.equal(index.facts["fault"], "").to_numpy()
    return np.asarray(fits & no_fault & ~lacking(index, "image"))


def _leaves_something(width: int, height: int, image: Image) -> bool:
    try:
        geometry_for(width, height, image.max_pixels, image.multiple_of, image.sizes)
    except BadSample:
        return False
    return True


def refuse_sources(
    recipe: Recipe, indices: Mapping[str, Index], barred: Mapping[str, Mapping[str, int]]
) -> None:
    """Raise RecipeError if the licence policy leaves nothing of some sources; it names them all.

    indices: by source; barred: by source, how many entries may not be drawn, by cause.
    """
    refused = [n for n, index in indices.items() if barred[n]["licence"] == len(index) > 0]
    faults = []
    for name in refused:
        licences = sorted(pc.unique(indices[name].facts["license"]).to_pylist())
        faults.append(
            f"sources.{name}: licence_policy is {recipe.licence_policy!r}, and its records are "
            f"{', '.join(map(repr, licences))}: not known to allow it"
        )
    if faults:
        raise RecipeError(faults)
