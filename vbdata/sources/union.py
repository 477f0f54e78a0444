"""Several roots as one: a file is read from the first of them that has it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import BinaryIO, TypeVar

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.storage.root import Root, absent, safe

T = TypeVar("T")


class Union(Root):
    """Several roots as one; a subclass says which of them may hold a path."""

    @abstractmethod
    def places(self, path: str) -> Iterator[tuple[Root, str]]:
        """The roots that may hold a file or folder, and its path there, best place first."""

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is in one of them."""
        return not path or any(root.exists(inner) for root, inner in self.places(safe(path)))

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is in none of them."""
        sizes = (root.size(inner) for root, inner in self.places(safe(path)))
        return next((size for size in sizes if size >= 0), -1)

    def read(self, path: str) -> bytes:
        """A whole file, of the first root that has it. Raises BadSample("missing")."""
        return self._first(path, lambda root, inner: root.read(inner))

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from `offset` on, of the first root that has it.

        Fewer if the file ends sooner. Raises BadSample("missing").
        """
        return self._first(path, lambda root, inner: root.read_range(inner, offset, size))

    def open(self, path: str) -> BinaryIO:
        """A file as a stream that can seek, of the first root that has it.

        Raises BadSample("missing").
        """
        return self._first(path, lambda root, inner: root.open(inner))

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file on this machine's disk, of the first root that has it; inside the `with` block.

        Raises BadSample("missing").
        """
        for root, inner in self.places(safe(path)):
            if root.size(inner) >= 0:
                with root.local_copy(inner) as file:
                    yield file
                return
        raise absent(path)

    def _first(self, path: str, read: Callable[[Root, str], T]) -> T:
        for root, inner in self.places(safe(path)):
            try:
                return read(root, inner)
            except BadSample as err:
                if err.reason != "missing":
                    raise
        raise absent(path)


class Layers(Union):
    """Roots as layers: a file of an upper one hides those of the same path below it."""

    def __init__(self, layers: Sequence[Root]) -> None:
        self._layers = tuple(layers)
        self.url = " + ".join(layer.url for layer in layers)

    def places(self, path: str) -> Iterator[tuple[Root, str]]:
        """All layers, the upper ones first, each with the same path."""
        return ((layer, path) for layer in self._layers)

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder in any of them, sorted by path, each path once."""
        return combined([layer.files(below) for layer in self._layers])

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one in any of them, sorted."""
        return sorted({name for layer in self._layers for name in layer.folders(below)})


def combined(listings: Sequence[Iterator[FileRef]]) -> Iterator[FileRef]:
    """Merge listings that are sorted by path; of files of the same path, the first listing's."""
    last = ""
    for file in merge(*listings, key=lambda file: file.path):
        if file.path != last:
            yield file
        last = file.path


def prefixed(files: Iterable[FileRef], folder: str) -> Iterator[FileRef]:
    """A listing of a folder with paths relative to what is above the folder ("": nothing)."""
    for file in files:
        yield FileRef(path=f"{folder}/{file.path}", size=file.size) if folder else file
