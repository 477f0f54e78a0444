"""A copy on each machine of files that many workers read at random places.

A file in a local folder is read where it lies. Of a file in an object store, a machine fetches one
copy into its cache, for all its workers; the oldest copies are removed as new ones come.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from vbdata.errors import BadSample, BuildError
from vbdata.machine import cache
from vbdata.machine.hashing import file_sha256
from vbdata.storage.folder import Folder

KEPT = 16  # copies, of this build and of earlier ones
FOLDER = "replica"


def local_copy(place: str, sha256: str) -> Path:
    """A local path of a file by path or URL: its own, or that of a copy.

    sha256: of a file that is not local; a copy of other bytes is refused. Raises BuildError if the
    file is not there or has other bytes, OSError if it cannot be fetched.
    """
    above, _, name = place.rpartition("/")
    folder = Folder(above)
    if folder.local:
        path = Path(folder.full_path(name))
        if not path.exists():
            raise BuildError(
                f"{path} is not there: an output folder by path has to be on a disk that all nodes "
                "share; or build into an object store"
            )
        return path
    path = cache.cached_file(f"{FOLDER}/{sha256}", lambda to: _fetch(folder, name, sha256, to))
    with suppress(OSError):  # another process may remove it, and then it is fetched again
        os.utime(path)
        _forget(path.parent)
    return path


def _fetch(folder: Folder, name: str, sha256: str, to: Path) -> None:
    try:
        with folder.local_copy(name) as temporary:
            shutil.copyfile(temporary, to)
    except BadSample as err:
        raise BuildError(f"{folder.url}/{name} is not there") from err
    if file_sha256(to) != sha256:
        raise BuildError(f"{folder.url}/{name} is not what it was when the build began")


def _forget(folder: Path) -> None:
    """Remove all copies but the newest ones."""
    kept = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for old in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
