"""A folder of which parts were listed once: to know what is there then costs no request.

So a resumed build asks a store a number of questions that grows with what is finished, not with
what is planned, and a new build next to none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from vbdata.storage.folder import Folder, absent

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16  # requests under way, of a folder that is not on this machine
WAITING = 64  # answers in memory at once


class Listed(Folder):
    """The folder as it was listed, and as it was changed by this object since.

    Only files below the listed parts are there for it.
    """

    def __init__(self, url: str, parts: Sequence[str]) -> None:
        """List the parts: a request for each thousand files of a store."""
        super().__init__(url)
        if not self.local:
            self.fs.invalidate_cache()
        self._sizes = {file.path: file.size for part in parts for file in self.files(part)}

    def exists(self, path: str = "") -> bool:
        """Whether a file is there."""
        return path in self._sizes

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is not there."""
        return self._sizes.get(path, -1)

    def read(self, path: str) -> bytes:
        """A whole file. Raises BadSample("missing"); OSError if the machine fails."""
        if path not in self._sizes:
            raise absent(path)
        return super().read(path)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file."""
        super().write(path, data)
        self._sizes[path] = len(data)

    def put(self, local_file: Path, path: str) -> None:
        """Move a finished local file here."""
        size = local_file.stat().st_size
        super().put(local_file, path)
        self._sizes[path] = size

    def move(self, old: str, new: str) -> None:
        """Rename a file inside the folder."""
        super().move(old, new)
        self._sizes[new] = self._sizes.pop(old)

    def remove(self, path: str) -> None:
        """Delete a file if it is there."""
        super().remove(path)
        self._sizes.pop(path, None)


def map_requests(out: Folder, question: Callable[[T], R], about: Sequence[T]) -> Iterator[R]:
    """Answers in order: one after the other from a disk, some at once from a store."""
    if out.local:
        yield from map(question, about)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(about), WAITING):
            yield from pool.map(question, about[first : first + WAITING])
