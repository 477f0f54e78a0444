"""The queries of a task: what an enumerated recipe asks of a record (vbdata.recipe.every).

A task may define, each with a default for those that do not:

    queries(columns)                              int64[N]: how many queries each entry has
    ask_query(entry, query, vote, rng, *, ...)    the Ask of one of them; keywords are its options
    check_query_options(...)                      raises ValueError for options that cannot be
    narrowed(entry, query)                        the entry as its reader loads it for that query

By default an entry that the task accepts has one query, which is asked as a drawn sample is. `rng`
depends on seed, task and vote alone: the same words and colours for all records.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.plugins.find import options, task

if TYPE_CHECKING:
    import pyarrow as pa


def task_options(name: str, enumerated: bool = False) -> dict[str, inspect.Parameter]:
    """The options of a task, by name, in a recipe that draws samples or enumerates queries."""
    module = task(name)
    return options(module.ask_query if _enumerates(module, enumerated) else module.ask)


def option_check(name: str, enumerated: bool = False) -> Callable[..., None] | None:
    """The task's own check of its options, which raises ValueError; None if it has none."""
    module = task(name)
    check = "check_query_options" if _enumerates(module, enumerated) else "check_options"
    found: Callable[..., None] | None = getattr(module, check, None)
    return found


def queries(name: str, columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: how many queries a task has for each entry of an index's facts, 0 for none."""
    module = task(name)
    if hasattr(module, "queries"):
        return np.asarray(module.queries(columns), np.int64)
    return np.asarray(module.eligible(columns), np.int64)


def ask_query(
    name: str,
    entry: Entry,
    place: tuple[int, int],
    rng: Stream,
    vocabulary: Sequence[tuple[str, bool]],
    given: Mapping[str, Any],
) -> Ask:
    """What a task asks in one query of an entry. Raises BadSample if nothing can be asked.

    place: number of the query, from 0, and of the vote; vocabulary: (name, countable) of all
    classes of the data; given: the task's options.
    """
    module, (query, vote) = task(name), place
    if hasattr(module, "ask_query"):
        asked: Ask = module.ask_query(entry, query, vote, rng, vocabulary=vocabulary, **given)
    else:
        asked = module.ask(entry, rng, vocabulary=vocabulary, **given)
    return asked


def narrowed(name: str, entry: Entry, query: int) -> Entry:
    """The entry as a reader loads it for one query: without what the query does not mean."""
    narrow = getattr(task(name), "narrowed", None)
    return entry if narrow is None else narrow(entry, query)


def _enumerates(module: Any, enumerated: bool) -> bool:
    return enumerated and hasattr(module, "ask_query")
