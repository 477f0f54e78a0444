"""Whom a runner suspects of ending its process: such shards are built in a child (run.guarded).

Nothing here decides a byte: a suspicion costs the start of a process, the verdict is the child's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbdata.jobs.job import ShardReport, ShardSpec
from vbdata.layout import IN_WORK
from vbdata.storage.folder import Folder

KILLER = "poison record"  # a reason of vbdata.errors


class PoisonRecords:
    """Shards whose worker died, and records that killed one in another shard.

    record: the place of an entry, by source and id, as specs tell it.
    """

    def __init__(self, record: Callable[[str, str], int]) -> None:
        self._record, self._records = record, set[int]()
        self.shards: set[int] = set()

    def learn(self, report: ShardReport) -> None:
        """Remember the killers of a finished shard; the shard itself is a suspect no more."""
        self.shards.discard(report.shard)
        for line in report.quarantine:
            if line["reason"] == KILLER:
                self._records.add(self._record(line["source"], line["sample_id"]))

    def may_hold(self, spec: ShardSpec) -> bool:
        """Whether a shard had better be built in a child."""
        if spec.shard in self.shards:
            return True
        return bool(self._records) and not self._records.isdisjoint(spec.record.tolist())


class InWork:
    """A note of the job in work, which stays behind only when its process is struck dead.

    left: the digest of the job that an earlier process died over, "" if none did.
    """

    def __init__(self, out: Folder) -> None:
        self._path = Path(out.at(IN_WORK)) if out.local else None
        self.left = ""
        if self._path:
            with suppress(FileNotFoundError):
                self.left = self._path.read_text()

    @contextmanager
    def noted(self, digest: str) -> Iterator[None]:
        """Within, the note names this job."""
        if self._path is None:
            yield
            return
        with suppress(OSError):  # a full disk is the shard's to report
            self._path.write_text(digest)
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)
