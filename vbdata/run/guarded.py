"""Build a shard in a process of its own, and find the records that end it.

Code in C that crashes takes its process along, and no except can stop it. The child says before
each step which row is in work, so its last word accuses one; that one is tried alone, and if it
ends those processes as well it goes into quarantine and the shard is built again without it.
Which rows those are depends on the data and the code alone, so the bytes do too.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from vbdata.jobs.job import Job, Receipt, RowId
from vbdata.machine.stages import Spent, StageTime
from vbdata.run.attempts import KilledFromOutside
from vbdata.shard.receipt import read_receipt
from vbdata.storage.folder import Folder

TRIALS = 2  # times that an accused row is tried alone; with the accusation it makes three
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # no row's doing

Heard = Callable[[RowId, str], None]  # told of a row and the stage that begins


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildExit:
    """How a child ended, and the row and the stage of its last word."""

    code: int
    row_id: RowId | None
    stage: str

    @property
    def said(self) -> str:
        """In words."""
        how = f"by {signal.Signals(-self.code).name}" if self.code < 0 else f"with {self.code}"
        how += " (by hand or for want of memory)" if -self.code == signal.SIGKILL else ""
        at = f" at {' / '.join(self.row_id[:2])}, record {self.row_id[2]!r}" if self.row_id else ""
        return f"its process ended {how}{at} ({self.stage or 'before the first record'})"


def build_guarded(job: Job, out: Folder, device: str, heard: Heard) -> Receipt | str:
    """The receipt, or the fault of a plug-in, as vbdata.run.local.build_or_blame gives them.

    Raises Struck if the process was ended from outside, another OSError if the machine is at fault
    or if the process died and no row is to blame.
    """
    while True:
        end = _child(job, out, device, heard)
        if not isinstance(end, ChildExit):
            return end
        poison = _poison_row(end, job, out, device, heard)
        job = replace(job, poison={**job.poison, poison: end.stage})


def _poison_row(end: ChildExit, job: Job, out: Folder, device: str, heard: Heard) -> RowId:
    """The row that a death accuses, if it ends every process that it is tried in."""
    if -end.code in FROM_OUTSIDE:
        raise KilledFromOutside(end.said, end.row_id)
    if end.row_id is None or end.row_id in job.poison:
        raise OSError(end.said)
    for _ in range(TRIALS):
        alone = _child(job, out, device, heard, alone=end.row_id)
        if not isinstance(alone, ChildExit):
            raise OSError(f"{end.said}; alone it does no harm")
        if -alone.code in FROM_OUTSIDE:
            raise KilledFromOutside(f"{end.said}; alone, {alone.said}", end.row_id)
    return end.row_id


def _child(
    job: Job, out: Folder, device: str, heard: Heard, alone: RowId | None = None
) -> Receipt | str | ChildExit:
    """Build the shard, or a row of it for a trial, in a child; the last thing that it says."""
    told = pickle.dumps((os.getpid(), job, out.url, device, alone))
    row_id: RowId | None = None
    stage, end = "", dict[str, Any]()
    with TemporaryDirectory(prefix="vbdata-") as scratch, _started(scratch) as child:
        assert child.stdin
        assert child.stdout
        with suppress(BrokenPipeError):
            child.stdin.write(told)
            child.stdin.close()
        for line in child.stdout:
            said = json.loads(line)
            if "at" in said:
                source, task, record, pass_ = said["at"]
                row_id, stage = (source, task, record, pass_), said["stage"]
                heard(row_id, stage)
            else:
                end = said
        code = child.wait()
    return _outcome(end, ChildExit(code=code, row_id=row_id, stage=stage), job, out, alone)


@contextmanager
def _started(scratch: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child that sees the modules that we see, and does not outlive this."""
    paths = os.pathsep.join(filter(None, [*sys.path, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "vbdata.run.guarded_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths, "TMPDIR": scratch},
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            with suppress(BrokenPipeError):
                stream.close() if stream else None


def _outcome(
    end: dict[str, Any], death: ChildExit, job: Job, out: Folder, alone: RowId | None
) -> Receipt | str | ChildExit:
    if not end:
        return death
    if "machine" in end:
        raise OSError(end["machine"])
    if "fault" in end or alone:
        return str(end.get("fault", ""))
    receipt = read_receipt(out, job.digest)
    if receipt is None:
        raise OSError("the receipt that a child wrote has gone")
    seconds, stages = end["spent"]
    spent = Spent(seconds, tuple(StageTime(*each) for each in stages))
    return replace(receipt, reuse=end["reuse"], spent=spent)
