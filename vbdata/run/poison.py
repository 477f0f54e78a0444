"""Poison records: records that end the process in which they are read or rendered.

A shard that may hold one is built in a child process (vbdata.run.guarded), which finds the record
and leaves it out. Here is only decided which shards those are. It changes no byte: to suspect a
shard wrongly costs the start of a process, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbdata.errors import Reason
from vbdata.jobs.job import ShardReport, ShardSpec
from vbdata.layout import IN_WORK
from vbdata.storage.folder import Folder

REASON: Reason = "poison record"  # in the quarantine


class PoisonRecords:
    """The poison records that are known so far, and the shards whose worker died.

    record: the place of an entry by source and id, as ShardSpec.record has it. shards: numbers of
    shards to be built in a child from now on.
    """

    def __init__(self, record: Callable[[str, str], int]) -> None:
        self._record, self._records = record, set[int]()
        self.shards: set[int] = set()

    def learn(self, report: ShardReport) -> None:
        """Remember the poison records of a finished shard: they may be drawn in others, too."""
        self.shards.discard(report.shard)
        for line in report.quarantine:
            if line["reason"] == REASON:
                self._records.add(self._record(line["source"], line["sample_id"]))

    def may_hold(self, spec: ShardSpec) -> bool:
        """Whether a shard may hold a poison record, so that it has to be built in a child."""
        if spec.shard in self.shards:
            return True
        return bool(self._records) and not self._records.isdisjoint(spec.record.tolist())


class InWork:
    """A file that names the job in work. It stays behind only if the process dies over that job.

    For builds without Ray, where no driver survives the process. left: the digest of the job that
    an earlier process died over, "" if none did.
    """

    def __init__(self, out: Folder) -> None:
        self._path = Path(out.full_path(IN_WORK)) if out.local else None
        self.left = ""
        if self._path:
            with suppress(FileNotFoundError):
                self.left = self._path.read_text()

    @contextmanager
    def noted(self, digest: str) -> Iterator[None]:
        """Inside, the file names this job. A store has none, as its build may be on any machine."""
        if self._path is None:
            yield
            return
        with suppress(OSError):  # a full disk is the shard's to report
            self._path.write_text(digest)
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)
