"""Build a shard in a child process, and leave out the poison records that end it.

Code in C that crashes ends its process, and no `except` can stop that. So the child sends the row
in work before each step (vbdata.shard.heartbeat), and the last one that it sent is suspected. That
row is then tried alone, TRIALS times. If it ends those processes as well it is a poison record: it
goes into quarantine, and the shard is built again without it.

A signal from outside, such as the kernel's when memory runs out, never makes a row a poison record:
which rows are depends on data and code alone, and so do the bytes of the shard.
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

from vbdata.jobs.job import Job, Receipt, RowId, row_text
from vbdata.machine.stages import Spent, StageTime
from vbdata.run.attempts import KilledFromOutside
from vbdata.shard.receipt import read_receipt
from vbdata.storage.folder import Folder

TRIALS = 2  # of a suspected row alone: with the first death it has ended three processes
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # never a row's doing

Beats = Callable[[RowId, str], None]  # is called with a row and the stage that begins


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildExit:
    """How a child died. code: as subprocess has it, a signal negative; row_id, stage: in work."""

    code: int
    row_id: RowId | None
    stage: str

    @property
    def text(self) -> str:
        """How the child died, and over which record, in words."""
        how = f"by {signal.Signals(-self.code).name}" if self.code < 0 else f"with {self.code}"
        how += " (by hand or for want of memory)" if -self.code == signal.SIGKILL else ""
        where = f" at {row_text(self.row_id)}" if self.row_id else ""
        return f"its process ended {how}{where} ({self.stage or 'before the first record'})"


def build_guarded(job: Job, out: Folder, device: str, beats: Beats) -> Receipt | str:
    """Build a shard in a child process: its receipt, or which fault of a plug-in ended it.

    beats: is called with each step that the child takes. Raises KilledFromOutside if the child was
    ended by a signal from outside, another OSError if the machine is at fault, or if a child died
    and no row is to blame.
    """
    while True:
        end = _child(job, out, device, beats)
        if not isinstance(end, ChildExit):
            return end
        poison = _poison_row(end, job, out, device, beats)
        # each round leaves out one row more, so it ends
        job = replace(job, poison={**job.poison, poison: end.stage})


def _poison_row(end: ChildExit, job: Job, out: Folder, device: str, beats: Beats) -> RowId:
    """The row in work when a child died, if it ends every process in which it is tried alone.

    Raises KilledFromOutside, or OSError if no row is to blame.
    """
    if -end.code in FROM_OUTSIDE:
        raise KilledFromOutside(end.text, end.row_id)
    if end.row_id is None or end.row_id in job.poison:
        raise OSError(end.text)
    for _ in range(TRIALS):
        alone = _child(job, out, device, beats, alone=end.row_id)
        if not isinstance(alone, ChildExit):
            raise OSError(f"{end.text}; alone it does no harm")
        if -alone.code in FROM_OUTSIDE:
            raise KilledFromOutside(f"{end.text}; alone, {alone.text}", end.row_id)
    return end.row_id


def _child(
    job: Job, out: Folder, device: str, beats: Beats, alone: RowId | None = None
) -> Receipt | str | ChildExit:
    """Build a shard in a child, or try one row of it alone; what came of it.

    alone: that row; then a text, perhaps empty, means that the child survived it. Raises OSError
    with the child's text if the machine is at fault.
    """
    task = pickle.dumps((os.getpid(), job, out.url, device, alone))
    row_id: RowId | None = None
    stage, end = "", dict[str, Any]()
    with TemporaryDirectory(prefix="vbdata-") as scratch, _started(scratch) as child:
        assert child.stdin
        assert child.stdout
        with suppress(BrokenPipeError):
            child.stdin.write(task)
            child.stdin.close()
        for line in child.stdout:
            message = json.loads(line)
            if "at" in message:
                source, task_name, record, pass_ = message["at"]
                row_id, stage = (source, task_name, record, pass_), message["stage"]
                beats(row_id, stage)
            else:
                end = message
        code = child.wait()
    return _outcome(end, ChildExit(code=code, row_id=row_id, stage=stage), job, out, alone)


@contextmanager
def _started(scratch: str) -> Iterator[subprocess.Popen[bytes]]:
    """A child that finds the modules that this process finds; it is killed at the end of this."""
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
    """What came of a child. end: its last message, empty if it died before it could send one."""
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
