"""One attempt at a shard, and the text of what went wrong in it."""

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
    """Build a shard: its receipt, or a text that says which fault of a plug-in ended it.

    A plug-in's fault would come up again in every attempt, so it is returned and the shard given
    up. OSError is the machine's or a store's fault and is raised, so that the caller tries again.
    device, threads: as in vbdata.shard.shard.build_shard.
    """
    try:
        return build_shard(job, out, device, threads)
    except OSError:
        raise
    except Exception as err:  # noqa: BLE001 (the runner: any fault of a plug-in ends its shard)
        return cause(err)


def cause(err: BaseException) -> str:
    """An error in one line: its type and text, its notes, and file and line where it arose."""
    frames = traceback.extract_tb(err.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    notes = "".join(f" [{note}]" for note in getattr(err, "__notes__", ()))
    text = " ".join(str(err)[:LONGEST_CAUSE].split())
    return f"{type(err).__name__}: {text}{notes}{place}"
