"""A stream cut into pieces, and a function of each, in this process or in several, in order.

Neither the pieces nor the order of their results depends on the number of processes. Floating point
sums over them therefore have the same bits however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

PIECE = 64  # items: a sum over a piece is made in one process

Item = TypeVar("Item")
Result = TypeVar("Result")

_shared: Any = None  # in a worker process: what all its calls need


def pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in lists of 64, the last with what is left."""
    stream = iter(items)
    while piece := list(islice(stream, PIECE)):
        yield piece


def map_in_order(
    function: Callable[[Any, Any], Result], shared: Any, parts: Iterable[Any], workers: int
) -> Iterator[Result]:
    """function(shared, part) for each part, in the order of the parts.

    With up to one worker in this process, else in so many processes, to each of which `shared` is
    sent once; function, shared, parts and results must then be picklable.
    """
    if workers <= 1:
        yield from (function(shared, part) for part in parts)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_start, initargs=(shared,)
    )
    with pool:
        yield from pool.map(partial(_call, function), parts)


def _start(shared: Any) -> None:
    from vbdata.machine.process import one_thread

    global _shared
    _shared = shared
    one_thread()


def _call(function: Callable[[Any, Any], Result], part: Any) -> Result:
    return function(_shared, part)
