"""What may not be drawn of a source, for the manifest: groups and records, by cause."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata.planning.filters import FILTERS, barred
from vbdata.planning.plan import Plan

Mask = NDArray[np.bool_]
LEFT_OUT = r"^left out: (?P<rule>\w+): "  # how the fault begins of what a source's rule leaves out


def excluded_groups(plan: Plan, name: str) -> dict[str, Any]:
    """What is excluded of a source, as its line in the manifest has it.

    groups: how many there are; groups_excluded: how many of them by all causes together; excluded:
    a line a cause, with its groups and records. The causes are the held-out sets, the licence
    policy if it refuses anything, the filters of the source, and the rules of its reader that left
    records out of its index.
    A group counts as excluded if none of its records is left.
    """
    index, held = plan.indices[name], plan.held
    groups = index.facts["group"].combine_chunks()
    masks = barred({name: index}, held, plan.recipe.licence_policy)[name]
    causes = {("holdout", each): _among(groups, held.sets[each]) for each in sorted(held.sets)}
    if plan.barred[name]["licence"]:
        causes["licence", plan.recipe.licence_policy] = masks["licence"]
    causes |= {("filter", key): masks[key] for key in FILTERS if key in masks}
    ruled = _by_rule(index.facts["fault"].combine_chunks())
    causes |= {("rule", rule): mask for rule, mask in ruled.items()}
    return {
        "groups": pc.count_distinct(groups).as_py(),
        "groups_excluded": _lost(groups, np.logical_or.reduce([*masks.values(), *ruled.values()])),
        "excluded": [
            {"cause": cause, "set": each, "groups": _lost(groups, mask), "records": int(mask.sum())}
            for (cause, each), mask in causes.items()
        ],
    }


def _by_rule(faults: pa.Array) -> dict[str, Mask]:
    """bool[entries] by rule: which entries it left out. faults: of each entry, "" for none."""
    rules = pc.struct_field(pc.extract_regex(faults, LEFT_OUT), "rule")
    there = sorted(rule for rule in pc.unique(rules).to_pylist() if rule)
    masks = {rule: pc.fill_null(pc.equal(rules, rule), False) for rule in there}
    return {rule: np.asarray(m.to_numpy(zero_copy_only=False)) for rule, m in masks.items()}


def _among(groups: pa.Array, held: tuple[str, ...]) -> Mask:
    """bool[entries]: which entries are of a held-out group. groups: of each entry."""
    mask = pc.is_in(groups, pa.array(held, pa.string()))
    return np.asarray(mask.to_numpy(zero_copy_only=False), np.bool_)


def _lost(groups: pa.Array, mask: Mask) -> int:
    """How many groups have no record outside of the mask. groups: of each entry."""
    kept = groups.filter(pa.array(~mask))
    return int(pc.count_distinct(groups).as_py() - pc.count_distinct(kept).as_py())
