"""Countable classes of which every instance can be asked for: few enough, and none of them tiny.

What tasks that draw the instances of a class share: which classes of an entry they ask for, and
which rows of an index they refuse. Tables are those of the index (vbdata.index), an entry a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import ClassFact, Entry

if TYPE_CHECKING:
    import pyarrow as pa

MOST_INSTANCES = 40
TINIEST = 16  # pixels of the source; a class with an instance below this is not asked for
PARTS = 5000  # an instance under 1 / 5000 = 2e-4 of the image is tiny (arXiv 2604.20329, A)


def countable(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with a countable class of 1 to 40 instances, none of them tiny."""
    *_, (_, left) = _filters(columns)
    return left


def refusals(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries have no such class: reason -> bool[N]; the first that is true of one holds."""
    return {reason: ~left for reason, left in _filters(columns)}


def _filters(columns: pa.Table) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Condition by condition, why entries drop out, and bool[N] that still have a class."""
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    fact, of = pc.list_flatten(classes), pc.list_parent_indices(classes).to_numpy()
    thing, instances, smallest = (
        pc.struct_field(fact, name).to_numpy(zero_copy_only=False)
        for name in ("thing", "instances", "smallest")
    )
    width, height = (columns[side].to_numpy().astype(np.int64) for side in ("width", "height"))
    large = (smallest >= TINIEST) & (smallest * PARTS >= (width * height)[of])
    kept = np.ones(len(of), np.bool_)
    for reason, holds in (
        ("on which no class is marked", kept),
        ("with stuff alone, no class that can be counted", thing),
        ("of which all segments are crowds (iscrowd 1, groups that were not split)", instances > 0),
        (f"with more than {MOST_INSTANCES} instances of each class", instances <= MOST_INSTANCES),
        (f"of which each class has an instance under {TINIEST} pixels or 2e-4 of the image", large),
    ):
        kept = kept & holds
        left = np.zeros(len(columns), np.bool_)
        left[of[kept]] = True
        yield reason, left


def askable(entry: Entry) -> list[ClassFact]:
    """The entry's countable classes of 1 to 40 instances, none under 16 pixels or 2e-4 of it."""
    tiniest = max(TINIEST * PARTS, entry.width * entry.height)
    return [
        fact
        for fact in entry.classes
        if fact.thing and 0 < fact.instances <= MOST_INSTANCES and fact.smallest * PARTS >= tiniest
    ]
