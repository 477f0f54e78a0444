"""The leak guard: which groups a recipe holds out, and which entries that excludes.

A group is an identity across datasets: the same photograph has the same group in every reader. So
a group that is held out is never drawn, whatever source has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.errors import RecipeError, SourceError
from vbdata.index.index import Index, dataset_root
from vbdata.recipe.holdouts import Holdout
from vbdata.recipe.licences import commercial
from vbdata.recipe.recipe import Recipe


@dataclass(frozen=True)
class Held:
    """What is held out. sets: sorted groups by set; unmatched: by file, lines without a match."""

    sets: Mapping[str, tuple[str, ...]]
    unmatched: Mapping[str, int]

    @cached_property
    def groups(self) -> pa.Array:
        """All held-out groups, each once."""
        return pa.array(sorted({g for groups in self.sets.values() for g in groups}), pa.string())

    def lines(self) -> list[dict[str, Any]]:
        """What the manifest says of each set: its name, its groups, their digest."""
        return [
            {
                "set": name,
                "groups": len(groups),
                "sha256": hashlib.sha256("\n".join(groups).encode()).hexdigest(),
                "unmatched": self.unmatched.get(name, 0),
            }
            for name, groups in sorted(self.sets.items())
        ]

    def table(self) -> bytes:
        """The build's list of held-out groups: a line of set, tab and group for each."""
        lines = [f"{name}\t{group}\n" for name in sorted(self.sets) for group in self.sets[name]]
        return "".join(lines).encode()


def resolve(recipe: Recipe, indices: Sequence[Index]) -> Held:
    """Find the groups of all held-out sets of a recipe. indices: of its sources.

    Raises SourceError for a set whose data cannot be read or has no records, RecipeError for a file
    of which no line is a group or an id of any source.
    """
    sets, unmatched = {}, {}
    for each in recipe.holdout:
        if each.lines:
            sets[each.name], unmatched[each.name] = _of_lines(each, indices)
        else:
            sets[each.name] = tuple(sorted(each.groups or _of_data(each)))
    return Held(sets, unmatched)


def excluded(index: Index, held: Held, policy: str) -> dict[str, NDArray[np.bool_]]:
    """Which entries of a source may not be drawn: bool[entries] by cause, "holdout" or "licence".

    policy: the recipe's licence_policy.
    """
    group, licence = index.facts["group"], index.facts["license"].combine_chunks()
    refused = [name for name in pc.unique(licence).to_pylist() if not commercial(name)]
    refused = refused if policy == "commercial" else []
    masks = {
        "holdout": pc.is_in(group, held.groups),
        "licence": pc.is_in(licence, pa.array(refused, pa.string())),
    }
    return {cause: np.asarray(mask.to_numpy(zero_copy_only=False)) for cause, mask in masks.items()}


def _of_data(each: Holdout) -> set[str]:
    """The groups of the records that a reader finds under the set's options."""
    reader = plugins.dataset(each.dataset)
    with dataset_root(f"holdout {each.name!r}", each.roots, plugins.mounts(each.dataset)) as root:
        if hasattr(reader, "groups"):
            groups = set(reader.groups(root, **each.options))
        else:
            groups = {entry.group for entry in reader.index(root, **each.options)}
    if not groups:
        raise SourceError(f"holdout {each.name!r}: {', '.join(each.roots)} has none of its records")
    return groups


def _of_lines(each: Holdout, indices: Iterable[Index]) -> tuple[tuple[str, ...], int]:
    """The groups that the lines of a file name, and how many lines match nothing.

    A line is a group or a sample's id. A group that no source of this recipe has (a line with a
    colon) is held out as well: a source that has it may be added.
    """
    lines = pa.array(sorted(each.lines), pa.string())
    groups, matched = set[str](), set[str]()
    for index in indices:
        ids, group = index.facts["id"], index.facts["group"]
        by_id, by_group = pc.is_in(ids, lines), pc.is_in(group, lines)
        matched |= set(ids.filter(by_id).to_pylist()) | set(group.filter(by_group).to_pylist())
        groups |= set(group.filter(pc.or_(by_id, by_group)).to_pylist())
    if not matched:
        raise RecipeError(
            [
                f"holdout: no line of {each.name} is a group or a sample's id of any source, "
                f"such as {_examples(indices)}"
            ]
        )
    named = {line for line in each.lines if ":" in line}
    return tuple(sorted(groups | named)), len(each.lines - matched)


def _examples(indices: Iterable[Index]) -> str:
    """A group and an id of each source, to show how they are written."""
    return ", ".join(
        f"{index.facts[key][0].as_py()!r}" for index in indices for key in ("group", "id")
    )
