"""How often each shard went wrong, and whether it gets another attempt.

Two counts for each shard in work:

- Attempts that failed by what the shard or its records did: ATTEMPTS of them, and it is given up.
- Attempts that were lost because the process was ended from outside, or its node went away. That is
  none of the shard's doing, so LOSSES of them are allowed: on spot instances many shards lose some.

One case lies between the two. Processes that are killed from outside while the same record is in
work may have been killed because that record takes more memory than there is; no number of attempts
helps then. So deaths are counted by record, too, and ATTEMPTS at one record give the shard up. The
record is not quarantined for it: how much memory a machine has must not decide a byte.
"""

from __future__ import annotations

from collections import Counter

from vbdata.jobs.job import RowId

ATTEMPTS = 3  # of a shard, and at one record while which processes are killed from outside
LOSSES = 50  # of a shard, with their node or by a signal from outside


class KilledFromOutside(OSError):
    """A process was ended by a signal from outside, by hand or because memory ran out.

    row_id: the row that was in work, None before the first.
    """

    def __init__(self, text: str, row_id: RowId | None = None) -> None:
        super().__init__(text)
        self.row_id = row_id


class Attempts:
    """The counts of the shards in work, by number. Shards that are finished take no memory."""

    def __init__(self) -> None:
        self._failed: dict[int, Counter[RowId | None]] = {}
        self._lost: Counter[int] = Counter()

    def failed(self, number: int, err: BaseException | None = None) -> bool:
        """Count an attempt that failed with an error; whether there will be another.

        KilledFromOutside counts as a loss, and against its record; every other error as a failure.
        """
        if not isinstance(err, KilledFromOutside):
            return self._failed_at(number, None)
        again = err.row_id is None or self._failed_at(number, err.row_id)
        return self.lost(number) and again  # both are counted, whatever the first one says

    def lost(self, number: int) -> bool:
        """Count an attempt that was lost with node or process; whether there will be another."""
        self._lost[number] += 1
        return self._lost[number] <= LOSSES

    def forget(self, number: int) -> None:
        """Drop the counts of a shard that is finished or given up."""
        self._failed.pop(number, None)
        self._lost.pop(number, None)

    def _failed_at(self, number: int, row_id: RowId | None) -> bool:
        counts = self._failed.setdefault(number, Counter())
        counts[row_id] += 1
        return counts[row_id] < ATTEMPTS
