"""Where things are kept that cost time to make and can always be made again.

`$VBDATA_CACHE` if it is set, else the user's cache folder of the platform: `~/.cache/vbdata` on
Linux (`$XDG_CACHE_HOME`), `~/Library/Caches/vbdata` on macOS, `%LOCALAPPDATA%/vbdata` on Windows.
Where the user's cannot be written, a private folder in the temporary one is used instead. The
cache may be deleted at any time.
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
from vbdata.machine.scratch import private, shared

VARIABLE = "VBDATA_CACHE"
FULL = (errno.ENOSPC, errno.EDQUOT)


def folder() -> Path:
    """The cache folder, which is there and can be written. Raises SourceError."""
    if chosen := os.environ.get(VARIABLE):
        path = Path(chosen).absolute()
        if cause := _fault(path):
            raise SourceError(f"{VARIABLE}={chosen}: no cache can be kept there: {cause}")
        return path
    with suppress(RuntimeError):  # no home folder
        path = _users() / "vbdata"
        if not _fault(path):
            return path
    return _temporary()


def kept(name: str, make: Callable[[Path], None], needs: str = "") -> Path:
    """The cached file of a name; if it is not there, make(path) writes it, and then it is renamed.

    Processes that want the same file wait for the first of them. Raises SourceError if there is
    no room; needs: how much that would be, for the message.
    """
    path = folder() / name
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            _write(path, make, needs)
    return path


def _write(path: Path, make: Callable[[Path], None], needs: str) -> None:
    for left in path.parent.glob(f".{path.name}.*.part"):  # by a process that was killed
        left.unlink(missing_ok=True)
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
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock file for the while, where the platform has such locks: only time is at stake."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with lock.open("wb") as file:
        with suppress(OSError):  # some network disks know no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _users() -> Path:
    """The platform's folder for the user's caches."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if os.path.isabs(named) else Path.home() / ".cache"


def _temporary() -> Path:
    """A folder in the temporary one that nobody else can write. Raises SourceError."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    path = shared() / f"vbdata-cache-{user}"
    if cause := _fault(path):
        raise SourceError(f"no cache can be kept in {path}: {cause}; set {VARIABLE}")
    if not private(path):
        raise SourceError(f"{path} is not this user's alone; remove it or set {VARIABLE}")
    return path


def _fault(path: Path) -> str:
    """Why a folder cannot be made or written, "" if it can."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return ""
    except OSError as err:
        return err.strerror or str(err)
