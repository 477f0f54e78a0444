"""How often each shard went wrong, and whether it is tried again.

What a shard or its records do counts against it. What is done to a process from outside, or to its
node, does not, unless it strikes the same record each time: then the record may be what the memory
does not suffice for, and no number of tries helps.
"""

from __future__ import annotations

from collections import Counter

from vbdata.jobs.job import RowId

ATTEMPTS = 3  # of a shard, and at a record under which processes are ended from outside
LOSSES = 50  # of nodes and processes under one shard, which are none of its doing


class KilledFromOutside(OSError):
    """A process was ended from outside, by hand or for want of memory.

    mark: the row that was in work, if one was.
    """

    def __init__(self, said: str, row_id: RowId | None = None) -> None:
        super().__init__(said)
        self.row_id = row_id


class Attempts:
    """Counts for shards in work; what is decided takes no memory."""

    def __init__(self) -> None:
        self._failed: dict[int, Counter[RowId | None]] = {}
        self._lost: Counter[int] = Counter()

    def failed(self, number: int, err: BaseException | None = None) -> bool:
        """Count an attempt that failed, with Struck or otherwise. True: there will be another."""
        if not isinstance(err, KilledFromOutside):
            return self._failed_at(number, None)
        again = err.row_id is None or self._failed_at(number, err.row_id)
        return self.lost(number) and again

    def lost(self, number: int) -> bool:
        """Count an attempt that was lost with its node or process. True: there will be another."""
        self._lost[number] += 1
        return self._lost[number] <= LOSSES

    def forget(self, number: int) -> None:
        """The shard is finished or given up."""
        self._failed.pop(number, None)
        self._lost.pop(number, None)

    def _failed_at(self, number: int, row_id: RowId | None) -> bool:
        counts = self._failed.setdefault(number, Counter())
        counts[row_id] += 1
        return counts[row_id] < ATTEMPTS
