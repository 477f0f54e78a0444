"""Records that are named as pictures which are held out, in groups that are not held out.

The leak guard goes by groups. Data of one's own have groups of their own, so a copy of a held-out
picture under its old name is drawn, unless its source says whose picture it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.index.index import Index
from vbdata.planning.plan import Plan

SHORTEST = 8  # characters of a name that is hardly another's by chance, such as 000000000139
FEWEST = 5  # records whose ids alone count, where they are at least half of a source's


def namesakes(plan: Plan) -> Iterator[str]:
    """A sentence for each source and held-out set whose records have the same names."""
    for set_, groups in plan.held.sets.items():
        names = pc.struct_field(
            pc.extract_regex(
                pa.array(groups, pa.string()), f":(?P<name>[0-9A-Za-z]{{{SHORTEST},}})$"
            ),
            "name",
        ).drop_null()
        if not len(names):
            continue
        for source, index in plan.indices.items():
            rows = _named(source, index, names, plan.held.groups)
            hint = _hint(index, groups[0]) if len(rows) else ""
            if hint:
                yield (
                    f"{source}: {len(rows)} of {len(index)} records are named as pictures of the "
                    f"held-out {set_} (such as {index.facts['group'][int(rows[0])].as_py()!r}), "
                    f"and are not held out: if they are those pictures, {hint}"
                )


def _named(source: str, index: Index, names: pa.Array, held: pa.Array) -> NDArray[np.int64]:
    """The rows of a source's own groups that have one of the names in their path, or as their id.

    Ids are often numbers from 1, of which some are those of a set by chance, so they count only if
    most of them are. names, held: names and groups of held-out pictures.
    """
    groups, ids = (index.facts[key].combine_chunks() for key in ("group", "id"))
    own = pc.and_(pc.starts_with(groups, f"{source}:"), pc.invert(pc.is_in(groups, held)))
    rows = np.flatnonzero(own.to_numpy(zero_copy_only=False))
    words = pc.split_pattern_regex(groups.take(rows), "[^0-9A-Za-z]+")
    hit = pc.is_in(pc.list_flatten(words), names).to_numpy(zero_copy_only=False)
    by_name = np.unique(pc.list_parent_indices(words).to_numpy()[hit])
    by_id = np.flatnonzero(pc.is_in(ids.take(rows), names).to_numpy(zero_copy_only=False))
    if len(by_id) >= max(FEWEST, len(rows) / 2):
        by_name = np.union1d(by_name, by_id)
    return np.asarray(rows[by_name], np.int64)


def _hint(index: Index, group: str) -> str:
    """What to do where records are known pictures, "" if the source has said that they are not."""
    module = plugins.dataset(index.source.dataset)
    if hasattr(module, "whose"):
        return str(module.whose(**index.source.options))
    return f"state their group, such as {group!r}"
