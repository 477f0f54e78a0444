"""The filters of a source that choose records: which ones they bar, and what is odd about them.

They go by the facts of the index, under the names of `classes:` and without what `min_area:` leaves
out (vbdata.index.relabel). No image is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import RecipeError
from vbdata.index.index import Index
from vbdata.planning.holdout import Held, excluded
from vbdata.planning.names import examples, matching, unmatched
from vbdata.planning.where import holds, instances

Mask = NDArray[np.bool_]
FILTERS: Final = ("only", "without", "min_size", "min_instances", "where")


def barred(indices: Mapping[str, Index], held: Held, policy: str) -> dict[str, dict[str, Mask]]:
    """Which entries may not be drawn: bool[entries] by cause, by source.

    Causes are "holdout", "licence" and the source's filters by their keys; an entry may have
    several. policy: the recipe's licence_policy. Raises RecipeError with every filter that names no
    record.
    """
    masks, faults = {}, list[str]()
    for name, index in indices.items():
        try:
            masks[name] = excluded(index, held, policy) | filtered(index)
        except RecipeError as err:
            faults += err.faults
    if faults:
        raise RecipeError(faults)
    return masks


def filtered(index: Index) -> dict[str, Mask]:
    """Which entries each filter of the source bars: bool[entries] by its key in the recipe.

    Raises RecipeError for ids, globs and list files that name no record.
    """
    filters, facts = index.source.filters, index.facts
    masks: dict[str, Mask] = {}
    idle: list[str] = []
    if filters.only is not None:
        found, idle = matching(filters.only, facts)
        masks["only"] = ~found
    faults = [_no_record(index, "only", name) for name in idle]
    if filters.without is not None:
        masks["without"], idle = matching(filters.without, facts)
        faults += [_no_record(index, "without", name) for name in idle]
    if faults:
        raise RecipeError(faults)
    if any(filters.min_size):
        width, height = (facts[side].to_numpy() for side in ("width", "height"))
        masks["min_size"] = (width < filters.min_size[0]) | (height < filters.min_size[1])
    if filters.min_instances:
        masks["min_instances"] = instances(facts) < filters.min_instances
    if filters.where:
        masks["where"] = ~holds(filters.where, facts)
    return masks


def oddities(indices: Mapping[str, Index]) -> Iterator[str]:
    """A sentence for each list file of which some lines are the name of no record."""
    for name, index in indices.items():
        filters = index.source.filters
        for key, picked in (("only", filters.only), ("without", filters.without)):
            for path, lines in (unmatched(picked, index.facts) if picked else {}).items():
                yield (
                    f"{name}: {key}: {len(lines)} lines of {path} are no id and no group of the "
                    f"{len(index)} records, such as {examples(index.facts)}"
                )


def said(index: Index) -> list[str]:
    """What the filters of classes and areas changed, each with its count."""
    lines = [f"{count} {what}" for what, count in index.filtered.items()]
    if index.source.filters.min_area and index.largest:
        lines.append(f"the largest instance has {index.largest} pixels")
    return lines


def _no_record(index: Index, key: str, name: str) -> str:
    return (
        f"sources.{index.source.name}.{key}: {name} is no id, group or glob of any of the "
        f"{len(index)} records, such as {examples(index.facts)}"
    )
