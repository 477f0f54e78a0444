"""A folder that is listed once, so that looking for a file costs no request.

So the requests of a resumed build grow with what is finished, not with what is planned, and a new
build makes next to none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from vbdata.storage.folder import Folder
from vbdata.storage.root import absent

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16  # requests under way at a time, to a folder that is not on this machine
WAITING = 64  # answers in memory at a time


class Listed(Folder):
    """A folder as it was when it was listed, with what this object has changed since.

    Only the listed parts exist for it; what other processes write later is not seen.
    """

    def __init__(self, url: str, parts: Sequence[str]) -> None:
        """List the parts (folders below the URL): a request for each thousand files of a store.

        Raises OSError if the store does not answer.
        """
        super().__init__(url)
        if not self.local:
            self.fs.invalidate_cache()
        self._sizes: dict[str, int] = {}
        for part in parts:
            self._sizes |= self.listing(part).by_path()

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
        """Replace a file as a whole: a reader sees the old bytes or the new ones."""
        super().write(path, data)
        self._sizes[path] = len(data)

    def put(self, local_file: Path, path: str) -> None:
        """Move a finished local file to its final name, in one step as its readers see it."""
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
    """The answers to a question about each item, in order: AT_ONCE at a time if `out` is a store.

    Raises whatever the question raises.
    """
    if out.local:
        yield from map(question, about)
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(about), WAITING):
            yield from pool.map(question, about[first : first + WAITING])
