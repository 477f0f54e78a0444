"""One attempt at a shard, and how what went wrong is told.."""

from __future__ import annotations

import traceback
from pathlib import Path

from vbdata.jobs.job import Job, Receipt
from vbdata.shard import prefetch
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder

LONGEST_CAUSE = 500  # characters of an error's text that are shown


def build_or_blame(
    job: Job, out: Folder, device: str, threads: int = prefetch.THREADS
) -> Receipt | str:
    """The receipt, or the fault of a plug-in, which another try would only repeat.

    threads: that load records ahead. An OSError is the machine's fault and goes up, to be tried
    again.
    """
    try:
        return build_shard(job, out, device, threads)
    except OSError:
        raise
    except Exception as err:  # noqa: BLE001 (the runner: any fault of a plug-in ends its shard)
        return cause(err)


def cause(err: BaseException) -> str:
    """An error in one line: what, which record, and where in the code it arose."""
    frames = traceback.extract_tb(err.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    notes = "".join(f" [{note}]" for note in getattr(err, "__notes__", ()))
    said = " ".join(str(err)[:LONGEST_CAUSE].split())
    return f"{type(err).__name__}: {said}{notes}{place}"
