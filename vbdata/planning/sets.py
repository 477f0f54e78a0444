"""Sets: samples of one record that stand together in a shard (`permuted` of a recipe).

A shard that the mixture gives so many samples of a cell has whole sets, and a last one of what is
left. So counts are exact, and a set is never in two shards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.planning.mixture import Ints, Places


def sets_of(counts: Ints, turns: int) -> Ints:
    """How many sets each shard has: int64[shards]. counts: samples of each; turns: of a set."""
    return -(-counts // turns)


def in_sets(
    records: Places, passes: NDArray[Any], counts: Ints, turns: int
) -> tuple[Places, NDArray[Any]]:
    """Rows of the sets of drawn records: which record, and its pass times `turns` plus the turn.

    records, passes: of each set, first those of the shards in their order, then those of spares,
    which are whole; counts: samples of each shard, int64[shards].
    """
    sets = sets_of(counts, turns)
    sizes = np.full(len(records), turns, np.int64)
    used = sets > 0
    sizes[sets.cumsum()[used] - 1] = (counts - (sets - 1) * turns)[used]
    turn = np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes)
    numbers = np.repeat(passes.astype(np.int64), sizes) * turns + turn
    return np.repeat(records, sizes), numbers.astype(
        np.min_scalar_type(int(numbers.max(initial=0)))
    )
