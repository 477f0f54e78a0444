"""Several roots as one: a file is read from the first of them that has it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from vbdata.errors import BadSample, SourceError
from vbdata.storage.filelist import FileList, combined, in_several
from vbdata.storage.root import Root, absent, safe

T = TypeVar("T")
CLUTTER = ("thumbs.db", "desktop.ini")


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
    """Roots as layers: a file of an upper one hides those of the same path below it.

    strict: whether it is an error instead, a SourceError, if a whole file that is read or a file
    that is listed stands in two layers. What systems and archives leave everywhere does not count.
    """

    def __init__(self, layers: Sequence[Root], *, strict: bool = False) -> None:
        self._layers, self._strict = tuple(layers), strict
        self.url = " + ".join(layer.url for layer in layers)

    def places(self, path: str) -> Iterator[tuple[Root, str]]:
        """All layers, the upper ones first, each with the same path."""
        return ((layer, path) for layer in self._layers)

    def listing(self, below: str = "") -> FileList:
        """All files below a folder in any of them, sorted by path, each path once."""
        lists = [layer.listing(below) for layer in self._layers]
        for path in in_several(lists) if self._strict else ():
            self._refuse_two(path)
        return combined(lists)

    def read(self, path: str) -> bytes:
        """A whole file, of the first layer that has it. Raises BadSample("missing")."""
        self._refuse_two(path)
        return super().read(path)

    def open(self, path: str) -> BinaryIO:
        """A file as a stream that can seek, of the first layer that has it.

        Raises BadSample("missing").
        """
        self._refuse_two(path)
        return super().open(path)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        """A file on this machine's disk, of the first layer that has it; inside the `with` block.

        Raises BadSample("missing").
        """
        self._refuse_two(path)
        with super().local_copy(path) as file:
            yield file

    def _refuse_two(self, path: str) -> None:
        """Raise SourceError if several layers have a file, where that is an error."""
        if not self._strict or is_clutter(path):
            return
        there = [layer.url for layer in self._layers if layer.size(safe(path)) >= 0]
        if len(there) > 1:
            raise SourceError(
                f"{path} stands in two roots of the source, {there[0]} and {there[1]}: leave one "
                "of the roots out, or make two sources of them"
            )

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one in any of them, sorted."""
        return sorted({name for layer in self._layers for name in layer.folders(below)})


def is_clutter(path: str) -> bool:
    """Whether a file is one that systems, archives and exports leave in every folder."""
    name = path.rpartition("/")[2].lower()
    return name.startswith((".", "readme", "license")) or name in CLUTTER or "__MACOSX/" in path
