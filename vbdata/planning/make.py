"""Make a plan: which entries can serve which task, and how many samples of each cell a shard has.

Entries that are held out, filtered out or of a licence that the recipe does not take are barred
first. The counts follow from the weights by largest remainders, under the recipe's rule for cells
that run out; of an enumerated recipe (vbdata.recipe.every), from the queries of its entries. No
image is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from vbdata import plugins
from vbdata.core.curriculum import options_of, turns_of
from vbdata.errors import RecipeError
from vbdata.index.index import Index
from vbdata.planning.balance import threshold
from vbdata.planning.eligible import eligible_rows, fits_in, refuse_sources
from vbdata.planning.filters import barred as barred_by
from vbdata.planning.filters import said
from vbdata.planning.holdout import resolve
from vbdata.planning.lookalikes import lookalike_faults
from vbdata.planning.mixture import apportion, in_line, redistribute, schedule
from vbdata.planning.plan import Plan, PlannedCell
from vbdata.planning.refusals import Mask, in_words, refusals
from vbdata.recipe.recipe import Recipe


def make_plan(recipe: Recipe, indices: Sequence[Index]) -> Plan:
    """Plan a recipe over the indices of its sources.

    Raises RecipeError for a cell that no entry can serve or that runs out, a source of which the
    licence policy leaves nothing, a held-out file that matches nothing, or a table of lookalikes
    with a class that no source has; SourceError for a
    held-out set whose data cannot be read.
    """
    by_name = {index.source.name: index for index in indices}
    if misnamed := list(lookalike_faults(recipe, by_name)):
        raise RecipeError(misnamed)
    held = resolve(recipe, indices)
    causes = barred_by(by_name, held, recipe.licence_policy)
    barred = {name: {c: int(m.sum()) for c, m in masks.items()} for name, masks in causes.items()}
    refuse_sources(recipe, by_name, barred)
    fits = {
        name: fits_in(index, recipe.image) & ~np.logical_or.reduce([*causes[name].values()])
        for name, index in by_name.items()
    }
    cells = [
        PlannedCell(
            source=s.name,
            task=t,
            weight=Fraction(s.tasks[t]),
            rows=rows,
            turns=turns_of(recipe.tasks, t),
            t=threshold(options_of(recipe.tasks, t)),
        )
        for s in recipe.sources
        for t, rows in eligible_rows(
            by_name[s.name], list(s.tasks), fits[s.name], recipe.votes > 0
        ).items()
    ]
    counts = _counts(recipe, cells, by_name, causes)
    cells = [replace(cell, count=n) for cell, n in zip(cells, counts, strict=True)]
    if recipe.votes:
        table = np.stack([*in_line(counts, recipe.shard_size)])
        recipe = replace(recipe, samples=sum(counts))
    else:
        table = schedule(counts, recipe.shard_size)
    return Plan(
        recipe=recipe,
        indices=by_name,
        cells=tuple(cells),
        table=table,
        held=held,
        barred=barred,
    )


def _counts(
    recipe: Recipe,
    cells: Sequence[PlannedCell],
    indices: Mapping[str, Index],
    barred: Mapping[str, Mapping[str, Mask]],
) -> list[int]:
    """Samples of each cell, under the recipe's rule for cells that run out."""
    empty = [cell for cell in cells if not len(cell.rows)]
    if empty:
        raise RecipeError(_refused(recipe, indices[c.source], c, barred[c.source]) for c in empty)
    if recipe.votes:
        asked = [plugins.queries(c.task, indices[c.source].facts)[c.rows].sum() for c in cells]
        return [int(queries) * recipe.votes for queries in asked]
    weights, have = [cell.weight for cell in cells], [len(cell.rows) for cell in cells]
    counts = apportion(weights, recipe.samples)
    if recipe.exhaustion == "redistribute":
        try:
            return redistribute(weights, recipe.samples, have)
        except ValueError as err:
            raise RecipeError([f"samples: {err}"]) from err
    over = [i for i in range(len(cells)) if counts[i] > have[i]]
    if recipe.exhaustion == "stop" and over:
        raise RecipeError(
            f"sources.{cells[i].source}.tasks.{cells[i].task}: needs {counts[i]} samples, has "
            f"{have[i]}, and exhaustion is 'stop' (or: repeat, redistribute)"
            for i in over
        )
    return counts


def _refused(recipe: Recipe, index: Index, cell: PlannedCell, barred: Mapping[str, Mask]) -> str:
    """A sentence for a cell without entries: for which reasons, and how often."""
    listed = refusals(index, cell.task, recipe.image, barred, recipe.votes > 0)
    why = in_words(index, listed)
    where = f"sources.{cell.source}.tasks.{cell.task}"
    left_out = f"; by its filters: {', '.join(said(index))}" if said(index) else ""
    return (
        f"{where}: none of the source's {len(index)} entries can serve this task: {why}{left_out}"
    )
