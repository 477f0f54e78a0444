"""Temporary files of workers that may be killed: whoever comes next on the node clears them away.

A shard on its way to an object store is spooled to the worker's disk, and SIGKILL runs no finally.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_HELD: list[int] = []  # descriptors whose locks say that this process lives


def own_scratch() -> Path:
    """A folder for all temporary files of this process; those of dead ones are removed."""
    base = Path(os.environ.get("TMPDIR") or tempfile.gettempdir()) / f"vbdata-workers-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    turn = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)  # for moments only: others may be starting, too
        for folder in base.iterdir():
            if _dead(folder):
                shutil.rmtree(folder, ignore_errors=True)
        mine = tempfile.mkdtemp(dir=base)
        _HELD.append(os.open(mine, os.O_RDONLY))
        fcntl.flock(_HELD[-1], fcntl.LOCK_EX)
    finally:
        os.close(turn)
    tempfile.tempdir = mine
    return Path(mine)


def _dead(folder: Path) -> bool:
    """Whether nobody holds the folder's lock any more."""
    at = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(at)
    return True
