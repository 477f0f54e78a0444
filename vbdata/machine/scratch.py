"""Temporary files of drivers and workers that may be killed: who comes next clears them away.

A shard on its way to an object store is spooled to the worker's disk, a local Ray has a folder for
its sockets and logs, and SIGKILL runs no finally.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path

_HELD: list[int] = []  # descriptors whose locks say that this process lives
_SHARED: list[Path] = []  # the temporary folder before it was one's own


def shared() -> Path:
    """The temporary folder that other processes have, too."""
    return _SHARED[0] if _SHARED else Path(tempfile.gettempdir())


def own_scratch() -> Path:
    """A folder for all temporary files of this process; those of dead ones are removed."""
    mine = claimed(shared())
    _SHARED[:] = [shared()]
    tempfile.tempdir = str(mine)
    return mine


def claimed(top: Path) -> Path:
    """A folder below `top` that is this process's own, and goes with it or with the next one."""
    import fcntl  # not on Windows, where nothing is built

    base = top / f"vbdata-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if not private(base):  # somebody else's, under the name that ours would have
        base = Path(tempfile.mkdtemp(prefix="vbdata-", dir=top))
    turn = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)  # for moments only: others may be starting, too
        for folder in base.iterdir():
            if _dead(folder):
                shutil.rmtree(folder, ignore_errors=True)
        mine = tempfile.mkdtemp(prefix="", dir=base)
        _HELD.append(os.open(mine, os.O_RDONLY))
        fcntl.flock(_HELD[-1], fcntl.LOCK_EX)
    finally:
        os.close(turn)
    atexit.register(shutil.rmtree, mine, ignore_errors=True)
    return Path(mine)


def private(folder: Path) -> bool:
    """Whether it is a folder, no link to one, and nobody but this user can write in it."""
    found = folder.lstat()
    mine = found.st_uid == getattr(os, "getuid", lambda: found.st_uid)()
    return mine and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022


def _dead(folder: Path) -> bool:
    """Whether nobody holds the folder's lock any more."""
    import fcntl

    try:
        at = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its process has just removed it
        return False
    try:
        fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(at)
    return True
