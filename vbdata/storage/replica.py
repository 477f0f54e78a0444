"""Files of a build that many workers read at random places, on the disk of each machine.

What lies in a local folder is read there; of what lies in a store a machine fetches one copy, into
the cache, for all its workers. Copies of other builds are removed as newer ones come.
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

KEPT = 16  # copies
FOLDER = "replica"


def local_copy(place: str, sha256: str) -> Path:
    """A local path of a file by path or URL. sha256: of a file that is not local.

    Raises BuildError if it is not there, or is another; OSError if it cannot be fetched.
    """
    folder, _, name = place.rpartition("/")
    held = Folder(folder)
    if held.local:
        path = Path(held.at(name))
        if not path.exists():
            raise BuildError(
                f"{path} is not there: an output folder by path has to be on a disk that all nodes "
                "share; or build into an object store"
            )
        return path
    path = cache.cached_file(f"{FOLDER}/{sha256}", lambda to: _fetch(held, name, sha256, to))
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
    """Keep the newest copies."""
    kept = [path for path in folder.iterdir() if not path.name.startswith(".")]
    for old in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
