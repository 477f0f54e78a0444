"""Tables of classes that look alike, `lookalikes` of a recipe, against the classes of its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from vbdata.core.curriculum import LOOKALIKES, options_of
from vbdata.errors import choices
from vbdata.index.index import Index
from vbdata.recipe.recipe import Recipe

MOST: Final = 20  # misnamed classes of a table that are told


def lookalike_faults(recipe: Recipe, indices: Mapping[str, Index]) -> Iterator[str]:
    """A sentence for each class of a table that no source of the table's task has."""
    for task in recipe.tasks:
        table = options_of(recipe.tasks, task).get(LOOKALIKES, {})
        if not isinstance(table, Mapping):  # of a task of one's own
            continue
        sources = [source.name for source in recipe.sources if task in source.tasks]
        known = {name for source in sources for name, _ in indices[source].vocabulary}
        listed = {
            name: None
            for key, others in table.items()
            for name in (key, *(others if isinstance(others, list) else [others]))
        }
        for name in [name for name in listed if name not in known][:MOST]:
            where = f"tasks.{task}.{LOOKALIKES}"
            yield f"{where}: {name!r} is no class of {', '.join(sources)}{choices(name, known)}"
