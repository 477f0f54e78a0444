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

from vbdata.jobs.job import Job, Mark, Receipt
from vbdata.machine.stages import Spent, StageTime
from vbdata.run.attempts import Struck
from vbdata.shard.receipt import read_receipt
from vbdata.storage.folder import Folder

TRIALS = 2  # times that an accused row is tried alone; with the accusation it makes three
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # no row's doing

Heard = Callable[[Mark, str], None]  # told of a row and the stage that begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a child ended, and the row and the stage of its last word."""

    code: int
    mark: Mark | None
    stage: str

    @property
    def said(self) -> str:
        """In words."""
        how = f"by {signal.Signals(-self.code).name}" if self.code < 0 else f"with {self.code}"
        how += " (by hand or for want of memory)" if -self.code == signal.SIGKILL else ""
        at = f" at {' / '.join(self.mark[:2])}, record {self.mark[2]!r}" if self.mark else ""
        return f"its process ended {how}{at} ({self.stage or 'before the first record'})"


def build_guarded(job: Job, out: Folder, device: str, heard: Heard) -> Receipt | str:
    """The receipt, or the fault of a plug-in, as vbdata.run.local.build_or_blame gives them.

    Raises Struck if the process was ended from outside, another OSError if the machine is at fault
    or if the process died and no row is to blame.
    """
    while True:
        end = _child(job, out, device, heard)
        if not isinstance(end, Death):
            return end
        guilty = _convicted(end, job, out, device, heard)
        job = replace(job, killers={**job.killers, guilty: end.stage})


def _convicted(end: Death, job: Job, out: Folder, device: str, heard: Heard) -> Mark:
    """The row that a death accuses, if it ends every process that it is tried in."""
    if -end.code in FROM_OUTSIDE:
        raise Struck(end.said, end.mark)
    if end.mark is None or end.mark in job.killers:
        raise OSError(end.said)
    for _ in range(TRIALS):
        alone = _child(job, out, device, heard, alone=end.mark)
        if not isinstance(alone, Death):
            raise OSError(f"{end.said}; alone it does no harm")
        if -alone.code in FROM_OUTSIDE:
            raise Struck(f"{end.said}; alone, {alone.said}", end.mark)
    return end.mark


def _child(
    job: Job, out: Folder, device: str, heard: Heard, alone: Mark | None = None
) -> Receipt | str | Death:
    """Build the shard, or a row of it for a trial, in a child; the last thing that it says."""
    told = pickle.dumps((os.getpid(), job, out.url, device, alone))
    mark: Mark | None = None
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
                mark, stage = (source, task, record, pass_), said["stage"]
                heard(mark, stage)
            else:
                end = said
        code = child.wait()
    return _outcome(end, Death(code=code, mark=mark, stage=stage), job, out, alone)


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
    end: dict[str, Any], death: Death, job: Job, out: Folder, alone: Mark | None
) -> Receipt | str | Death:
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
