"""Records that are named as pictures which are held out, in groups that are not held out.

The leak guard goes by groups. Data of one's own have groups of their own, so a copy of a held-out
picture under its old name is drawn, unless its source says whose picture it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
    sets = {name: _names(groups) for name, groups in plan.held.sets.items()}
    sets = {name: names for name, names in sets.items() if len(names)}
    for source, index in plan.indices.items():
        if not sets or (own := _own(source, index, plan.held.groups)) is None:
            continue
        for name, names in sets.items():
            rows = _named(own, names)
            hint = _hint(index, plan.held.sets[name][0]) if len(rows) else ""
            if hint:
                yield (
                    f"{source}: {len(rows)} of {len(index)} records are named as pictures of the "
                    f"held-out {name} (such as {index.facts['group'][int(rows[0])].as_py()!r}), "
                    f"and are not held out: if they are those pictures, {hint}"
                )


class _Own(NamedTuple):
    """The records of a source that have groups of its own.

    rows: int64[records], of its index; ids: of each; words: of each group, and of which it is one.
    """

    rows: NDArray[np.int64]
    ids: pa.Array
    words: pa.Array
    record: NDArray[np.int64]


def _names(groups: Sequence[str]) -> pa.Array:
    """The names in groups that are long enough to be told from others."""
    pattern = f":(?P<name>[0-9A-Za-z]{{{SHORTEST},}})$"
    found = pc.extract_regex(pa.array(groups, pa.string()), pattern)
    return pc.struct_field(found, "name").drop_null()


def _own(source: str, index: Index, held: pa.Array) -> _Own | None:
    """The records of a source in groups of its own that are not held out, None if it has none."""
    groups, ids = (index.facts[key].combine_chunks() for key in ("group", "id"))
    own = pc.and_(pc.starts_with(groups, f"{source}:"), pc.invert(pc.is_in(groups, held)))
    rows = np.flatnonzero(own.to_numpy(zero_copy_only=False))
    if not len(rows):
        return None
    words = pc.split_pattern_regex(groups.take(rows), "[^0-9A-Za-z]+")
    return _Own(
        rows=rows,
        ids=ids.take(rows),
        words=pc.list_flatten(words),
        record=pc.list_parent_indices(words).to_numpy(),
    )


def _named(own: _Own, names: pa.Array) -> NDArray[np.int64]:
    """The rows of the records that have one of the names in their path, or as their id.

    Ids are often numbers from 1, of which some are those of a set by chance, so they count only if
    most of them are.
    """
    found = np.unique(own.record[pc.is_in(own.words, names).to_numpy(zero_copy_only=False)])
    by_id = np.flatnonzero(pc.is_in(own.ids, names).to_numpy(zero_copy_only=False))
    if len(by_id) >= max(FEWEST, len(own.rows) / 2):
        found = np.union1d(found, by_id)
    return np.asarray(own.rows[found], np.int64)


def _hint(index: Index, group: str) -> str:
    """What to do where records are known pictures, "" if the source has said that they are not."""
    module = plugins.dataset(index.source.dataset)
    if hasattr(module, "whose"):
        return str(module.whose(**index.source.options))
    return f"state their group, such as {group!r}"
