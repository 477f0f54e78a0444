"""Row groups of the Parquet files in which rows lie shard by shard: whole shards, and not too few.

Each group costs whoever writes or opens a file some kilobytes of memory for each ten columns, so a
group a shard would let memory grow with the number of shards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

FEWEST = 4096  # rows of a group, but for the last of a file


def together(shards: Iterable[T], rows: Callable[[T], int]) -> Iterator[list[T]]:
    """Which consecutive shards share a row group; one of FEWEST rows and more has one to itself.

    No group has 2 * FEWEST rows and several shards.
    """
    waiting: list[T] = []
    count = 0
    for shard in shards:
        if waiting and rows(shard) >= FEWEST:
            yield waiting
            waiting, count = [], 0
        waiting.append(shard)
        count += rows(shard)
        if count >= FEWEST:
            yield waiting
            waiting, count = [], 0
    if waiting:
        yield waiting
