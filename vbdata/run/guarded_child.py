"""The child process of vbdata.run.guarded: a pickled job comes in on standard input.

Out go lines of JSON: {"at": row id, "stage": name} before each step, then one that says how it
ended: {"reuse", "spent"} of the receipt, {"fault": text} of a plug-in, or {"machine": text}. What
plug-ins print goes to standard error instead, so that it cannot be taken for such a line.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import resource
import signal
import sys
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from vbdata.jobs.job import Job, Row, RowId
from vbdata.machine.process import one_thread
from vbdata.run.attempt import build_or_blame, cause
from vbdata.shard import heartbeat
from vbdata.storage.folder import Folder

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Build the job that the parent sends, or try one row of it alone."""
    parent, job, url, device, alone = pickle.load(sys.stdin.buffer)  # noqa: S301 (our parent's)
    _die_with(parent)
    # threads of a Ray worker block signals, and children inherit that
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash that is expected leaves no dump
    lines = os.dup(1)
    os.dup2(2, 1)
    one_thread()

    def send(**message: Any) -> None:
        os.write(lines, (json.dumps(message) + "\n").encode())

    def beat(row: Row, stage: str) -> None:
        send(at=row.row_id, stage=stage)

    with heartbeat.listening(beat):
        try:
            end = _alone(job, alone, device) if alone else _whole(job, url, device)
        except OSError as err:
            end = {"machine": cause(err)}
    send(**end)


def _whole(job: Job, url: str, device: str) -> dict[str, Any]:
    # without threads: the row in work when the process dies is then the last one that was sent
    made = build_or_blame(job, Folder(url), device, threads=0)
    if isinstance(made, str):
        return {"fault": made}
    return {"reuse": dict(made.reuse), "spent": made.spent}


def _alone(job: Job, row_id: RowId, device: str) -> dict[str, Any]:
    """Make one row of the job in a folder of its own, only to see whether the process survives."""
    row = next(row for row in (*job.rows, *job.spares) if row.row_id == row_id)
    trial = replace(job, rows=(replace(row, slot=0),), spares=())
    with TemporaryDirectory(prefix="vbdata-") as folder:
        return _whole(trial, folder, device)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even by SIGKILL (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before that call
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
