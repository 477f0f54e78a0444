"""What sets of one record and balanced draws do to a plan, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from vbdata.planning.balance import Effect, effect
from vbdata.planning.plan import Plan, classes_of
from vbdata.planning.sets import sets_of


def effects(plan: Plan) -> Iterator[tuple[dict[str, Any], str]]:
    """Of each cell with sets or balanced draws what they do: as JSON values, and in words."""
    for c, cell in enumerate(plan.cells):
        if cell.turns > 1:
            counts = plan.table[:, c]
            cut = int(np.count_nonzero(counts % cell.turns))
            sets = int(sets_of(counts, cell.turns).sum())
            values = {"sets": sets, "samples_of_a_set": cell.turns, "cut_short": cut}
            text = f"{sets} sets of {cell.turns} samples of one record, {cut} of them cut short"
            yield _line(cell.source, cell.task, values), f"{cell.name}: {text}"
        if cell.t:
            found = effect(classes_of(plan.indices[cell.source], cell.rows), cell.t)
            values = asdict(found) | {"t": float(found.t)}
            text = f"{cell.name}: balanced with t = {float(cell.t):g}: {_balance(found)}"
            yield _line(cell.source, cell.task, {"balance": values}), text


def _balance(found: Effect) -> str:
    if not found.classes:
        return "its records name no classes, so all are drawn alike"
    if not found.rare:
        return f"none of {found.classes} classes is rarer, so all are drawn alike"
    return (
        f"{found.rare} of {found.classes} classes are rarer; a record comes {found.largest:.3g} "
        f"times a pass at most, the rarest class ({found.rarest}) in {found.after:.2%} of the "
        f"draws, not {found.before:.2%}"
    )


def _line(source: str, task: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": source, "task": task, **values}
