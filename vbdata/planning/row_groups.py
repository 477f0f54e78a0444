"""Row groups of Parquet files in which rows lie shard by shard: whole shards, and enough rows.

Each row group takes some kilobytes of memory for ten columns in whoever writes or opens the file,
so with a group for every small shard, memory would grow with the number of shards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

FEWEST = 4096  # rows of a group; the last of a file may have fewer


def together(shards: Iterable[T], rows: Callable[[T], int]) -> Iterator[list[T]]:
    """Consecutive shards, grouped as they share row groups. rows: how many rows a shard has.

    A shard of FEWEST rows or more has a group to itself, so no group of several shards has
    2 * FEWEST rows.
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
