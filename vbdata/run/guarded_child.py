"""The child of run.guarded: a job on standard input, a line of JSON for each step and the end.

What plug-ins print goes to standard error, so that it cannot be taken for a line of ours.
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
    """Build the job that the parent sends."""
    import torch

    parent, job, url, device, alone = pickle.load(sys.stdin.buffer)  # noqa: S301 (our parent's)
    _die_with(parent)
    # threads of a Ray worker block signals, and children inherit that
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash that is expected leaves no dump
    lines = os.dup(1)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    one_thread()

    def say(**said: Any) -> None:
        os.write(lines, (json.dumps(said) + "\n").encode())

    def at(row: Row, stage: str) -> None:
        say(at=row.row_id, stage=stage)

    with heartbeat.listening(at):
        try:
            said = _alone(job, alone, device) if alone else _whole(job, url, device)
        except OSError as err:
            said = {"machine": cause(err)}
    say(**said)


def _whole(job: Job, url: str, device: str) -> dict[str, Any]:
    made = build_or_blame(job, Folder(url), device, threads=0)  # so that the last word is true
    if isinstance(made, str):
        return {"fault": made}
    return {"reuse": dict(made.reuse), "spent": made.spent}


def _alone(job: Job, row_id: RowId, device: str) -> dict[str, Any]:
    """Make one row of the job, for nothing but to see whether the process survives."""
    row = next(row for row in (*job.rows, *job.spares) if row.row_id == row_id)
    trial = replace(job, rows=(replace(row, slot=0),), spares=())
    with TemporaryDirectory(prefix="vbdata-") as folder:
        return _whole(trial, folder, device)


def _die_with(parent: int) -> None:
    """End when the parent does, on whatever way it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
