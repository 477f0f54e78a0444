"""The cache: files that cost time to make and can always be made again.

It lies in `$VBDATA_CACHE` if that is set, else in the platform's folder for caches of the user:
`~/.cache/vbdata` on Linux (`$XDG_CACHE_HOME`), `~/Library/Caches/vbdata` on macOS,
`%LOCALAPPDATA%/vbdata` on Windows. If that folder cannot be written, a private folder in the
temporary one is used instead. The cache may be deleted at any time.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vbdata.errors import SourceError
from vbdata.machine.scratch import is_private, shared_folder

VARIABLE = "VBDATA_CACHE"
FULL = (errno.ENOSPC, errno.EDQUOT)


def folder() -> Path:
    """The cache folder, made if it is not there. Raises SourceError if it cannot be written."""
    if chosen := os.environ.get(VARIABLE):
        path = Path(chosen).absolute()
        if cause := _fault(path):
            raise SourceError(f"{VARIABLE}={chosen}: no cache can be kept there: {cause}")
        return path
    with suppress(RuntimeError):  # no home folder
        path = _user_folder() / "vbdata"
        if not _fault(path):
            return path
    return _temporary()


def cached_file(name: str, make: Callable[[Path], None], needs: str = "") -> Path:
    """The path of a cached file, made first if it is not there.

    name: its path below the cache folder; make: writes the file to the path that it is given, from
    where it is renamed; needs: for the message of a full disk, what needs the room. Processes that
    want the same file wait for the first of them. Raises SourceError if the disk is full.
    """
    path = folder() / name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            _write(path, make, needs)
    return path


def _write(path: Path, make: Callable[[Path], None], needs: str) -> None:
    for old in path.parent.glob(f".{path.name}.*.part"):  # of a process that was killed
        old.unlink(missing_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        make(part)
        part.replace(path)
    except OSError as err:
        if err.errno not in FULL:
            raise
        raise SourceError(
            f"the cache {folder()} is full{needs and f', {needs}'}: "
            f"make room or set {VARIABLE} to a folder on another disk"
        ) from err
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Hold a lock file, where the platform and the disk have locks.

    Without one, two processes may make the same file: that costs time, and the last rename wins.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("wb") as file:
        with suppress(OSError):  # some network disks know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _user_folder() -> Path:
    """The platform's folder for caches of the user. Raises RuntimeError if there is no home."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path.home() / ".cache"


def _temporary() -> Path:
    """A folder in the temporary one that no other user can write. Raises SourceError."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    path = shared_folder() / f"vbdata-cache-{user}"
    if cause := _fault(path):
        raise SourceError(f"no cache can be kept in {path}: {cause}; set {VARIABLE}")
    if not is_private(path):
        raise SourceError(
            f"{path} belongs to another user or can be written by one; remove it or set {VARIABLE}"
        )
    return path


def _fault(path: Path) -> str:
    """Why a folder cannot be made or written; "" if it can."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return ""
    except OSError as err:
        return err.strerror or str(err)
