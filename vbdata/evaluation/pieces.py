"""Pieces of a stream through a function, in this process or in several, always in order.

The pieces do not depend on how many processes there are, and neither does the order in which
results come out, so sums of floating point numbers are the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

PIECE = 64

Item = TypeVar("Item")
Result = TypeVar("Result")

_shared: Any = None  # of a worker process: what all its calls need


def pieces(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Lists of up to 64."""
    stream = iter(items)
    while piece := list(islice(stream, PIECE)):
        yield piece


def mapped(
    function: Callable[[Any, Any], Result], shared: Any, parts: Iterable[Any], workers: int
) -> Iterator[Result]:
    """function(shared, part) of each part, in order; `shared` goes to each process once."""
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
