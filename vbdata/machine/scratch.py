"""Temporary folders of processes that may be killed: the next process removes what was left behind.

A shard on its way to an object store is written to the worker's disk first, and a local Ray has a
folder for its sockets and logs. A process that is killed (SIGKILL) removes neither. So each process
holds a lock on its folder for as long as it lives; a folder without a lock is a dead one's.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path

_LOCKS: list[int] = []  # open descriptors of locked folders; the locks end with this process
_SHARED: list[Path] = []  # the temporary folder, before `own_scratch` set one of this process


def shared_folder() -> Path:
    """The temporary folder of the machine, which other processes use, too."""
    return _SHARED[0] if _SHARED else Path(tempfile.gettempdir())


def own_scratch() -> Path:
    """Make a folder for all temporary files of this process, and remove those of dead ones."""
    own = claim_folder(shared_folder())
    _SHARED[:] = [shared_folder()]
    tempfile.tempdir = str(own)
    return own


def claim_folder(top: Path) -> Path:
    """A new folder below `top` for this process alone; folders of dead processes are removed.

    It is removed when this process ends, or by the next call of any process.
    """
    import fcntl  # not on Windows, where nothing is built

    base = top / f"vbdata-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if not is_private(base):  # another user made a folder of that name
        base = Path(tempfile.mkdtemp(prefix="vbdata-", dir=top))
    turn = os.open(base, os.O_RDONLY)
    try:
        # Held for moments only, so that no process takes a folder for dead that another one has
        # made and not locked yet.
        fcntl.flock(turn, fcntl.LOCK_EX)
        for folder in base.iterdir():
            if _is_dead(folder):
                shutil.rmtree(folder, ignore_errors=True)
        own = tempfile.mkdtemp(prefix="", dir=base)
        _LOCKS.append(os.open(own, os.O_RDONLY))
        fcntl.flock(_LOCKS[-1], fcntl.LOCK_EX)
    finally:
        os.close(turn)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def is_private(folder: Path) -> bool:
    """Whether a path is a folder (no link to one) in which this user alone can write."""
    status = folder.lstat()
    owned = status.st_uid == getattr(os, "getuid", lambda: status.st_uid)()
    return owned and stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o022


def _is_dead(folder: Path) -> bool:
    """Whether no process holds the folder's lock any more."""
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # its process has just removed it
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
