"""The passes of a cell's rows: each takes every eligible record once.

Of a task with `permuted` a pass is that of a set times the samples of a set, plus the turn; of one
with `balance` a record may come again in a pass, and how often follows from facts that no build
has, so that there only bounds are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vbdata.core.curriculum import options_of, turns_of
from vbdata.manifest.model import CellLine, Manifest
from vbdata.planning.balance import most_copies, threshold
from vbdata.planning.mixture import Ints

PASS = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a record has another word in each pass

Words = NDArray[np.uint64]


def turns_in(manifest: Manifest, task: str) -> int:
    """How many samples a set of a task has, 1 without `permuted`."""
    try:
        return max(1, turns_of(manifest.recipe.tasks, task))
    except (TypeError, ValueError):  # of a manifest that was edited
        return 1


def sets_in(words: Words, passes: Ints, turns: int) -> int:
    """How many sets some rows of a cell are of.

    words: uint64[rows], a hash of each record; passes: int64[rows]; turns: samples of a set.
    """
    return len(np.unique(_marked(words, passes // turns)))


def pass_faults(
    manifest: Manifest, cell: CellLine, words: Words, passes: Ints, sets: int
) -> Iterator[str]:
    """What is wrong with the passes of a cell, a sentence each.

    words: uint64[rows], a hash of each record; passes: int64[rows]; sets: how many the mixture
    makes of the cell.
    """
    name = f"{cell.source} / {cell.task}"
    if not len(words):
        return
    if passes.min() < 0 or len(np.unique(_marked(words, passes))) < len(words):
        yield f"{name}: a record stands twice in one pass"
        return
    if manifest.recipe.votes:
        yield from _query_faults(name, cell, words, passes)
        return
    turns, t = turns_in(manifest, cell.task), _threshold(manifest, cell.task)
    copies = most_copies(t, cell.eligible) if t else 1
    spares = manifest.recipe.spares * len(manifest.shards)
    last = (sets + spares - 1) // max(cell.eligible, 1) * copies + copies - 1
    wrong = f"{name}: its passes are not those over {cell.eligible} eligible records"
    draws = passes // turns
    of = np.unique(_marked(words, draws), return_index=True)[1]  # one row of each set
    numbers, rows = np.unique(draws[of], return_counts=True)
    if rows.max() > cell.eligible or numbers[-1] > last:
        yield wrong
    elif not cell.quarantined and cell.realised == cell.apportioned and not t:
        whole, rest = divmod(sets, cell.eligible)
        if rows.tolist() != [cell.eligible] * whole + [rest] * (rest > 0):
            yield wrong


def _marked(words: Words, passes: Ints) -> Words:
    """uint64[rows]: a word for each record in each pass."""
    return words + passes.astype(np.uint64) * PASS


def _threshold(manifest: Manifest, task: str) -> Fraction:
    try:
        return threshold(options_of(manifest.recipe.tasks, task))
    except (TypeError, LookupError, ValueError):  # of a manifest that was edited
        return Fraction(0)


def _query_faults(name: str, cell: CellLine, words: Words, passes: Ints) -> Iterator[str]:
    """What is wrong with the queries of an enumerated cell: a record has each of its own once."""
    if cell.quarantined or cell.realised != cell.apportioned:
        return
    _, of, rows = np.unique(words, return_inverse=True, return_counts=True)
    last = np.full(len(rows), -1, np.int64)
    np.maximum.at(last, of, passes)
    if len(rows) != cell.eligible or (last + 1 != rows).any():
        yield f"{name}: a query of a record is missing, or a record that is eligible"
