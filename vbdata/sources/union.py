"""Several roots as one: whatever one of them has, the first that has it gives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import merge
from pathlib import Path
from typing import BinaryIO, TypeVar

from vbdata.core.types import FileRef
from vbdata.errors import BadSample
from vbdata.storage.folder import Root, absent, safe

T = TypeVar("T")


class Union(Root):
    """What several roots hold together."""

    @abstractmethod
    def at(self, path: str) -> Iterator[tuple[Root, str]]:
        """The roots that may hold a file or folder, and its path there, best place first."""

    def exists(self, path: str = "") -> bool:
        """Whether a file or folder is in one of them."""
        return not path or any(root.exists(inner) for root, inner in self.at(safe(path)))

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it is in none of them."""
        sizes = (root.size(inner) for root, inner in self.at(safe(path)))
        return next((size for size in sizes if size >= 0), -1)

    def read(self, path: str) -> bytes:
        """A whole file of the first that has it."""
        return self._first(path, lambda root, inner: root.read(inner))

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """Some bytes of a file of the first that has it."""
        return self._first(path, lambda root, inner: root.read_range(inner, offset, size))

    def open(self, path: str) -> BinaryIO:
        """A file of the first that has it, as a stream that can seek."""
        return self._first(path, lambda root, inner: root.open(inner))

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file of the first that has it, on this machine's disk."""
        for root, inner in self.at(safe(path)):
            if root.size(inner) >= 0:
                with root.local_copy(inner) as file:
                    yield file
                return
        raise absent(path)

    def _first(self, path: str, act: Callable[[Root, str], T]) -> T:
        for root, inner in self.at(safe(path)):
            try:
                return act(root, inner)
            except BadSample as err:
                if err.reason != "missing":
                    raise
        raise absent(path)


class Layers(Union):
    """Roots that lie over one another: the first that has a file gives it."""

    def __init__(self, layers: Sequence[Root]) -> None:
        self._layers = tuple(layers)
        self.url = " + ".join(layer.url for layer in layers)

    def at(self, path: str) -> Iterator[tuple[Root, str]]:
        """All of them."""
        return ((layer, path) for layer in self._layers)

    def files(self, below: str = "") -> Iterator[FileRef]:
        """All files below a folder in any of them, sorted by path, each path once."""
        return combined([layer.files(below) for layer in self._layers])

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one in any of them, sorted."""
        return sorted({name for layer in self._layers for name in layer.folders(below)})


def combined(listed: Sequence[Iterator[FileRef]]) -> Iterator[FileRef]:
    """One listing of several that are sorted by path; of equal paths the first listing's."""
    last = ""
    for file in merge(*listed, key=lambda file: file.path):
        if file.path != last:
            yield file
        last = file.path


def prefixed(files: Iterable[FileRef], folder: str) -> Iterator[FileRef]:
    """A listing as seen from outside the folder that it is of."""
    for file in files:
        yield FileRef(path=f"{folder}/{file.path}", size=file.size) if folder else file
