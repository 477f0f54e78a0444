"""FileList: what a root lists, as columns. A data set may have millions of files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from types import MappingProxyType

from vbdata.core.slots import many
from vbdata.core.types import FileRef

BLOCK = 1 << 12  # FileRefs that are made at once
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FileList:
    """Files of a root, sorted by path, each path once; iterating yields them as FileRefs.

    paths: below the root; sizes: in bytes, of each; tags: FileRef.tag, by path, of those that have
    one; others: whether something else was seen there that is no folder either, such as a pipe or a
    link to nowhere.
    """

    paths: Sequence[str] = ()
    sizes: Sequence[int] = ()
    tags: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    others: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[FileRef]:
        for start in range(0, len(self.paths), BLOCK):
            paths = self.paths[start : start + BLOCK]
            tags = map(self.tags.get, paths, repeat("")) if self.tags else repeat("")
            sizes = self.sizes[start : start + BLOCK]
            yield from many(FileRef, len(paths), {"path": paths, "size": sizes, "tag": tags})

    def by_path(self) -> dict[str, int]:
        """Path -> size in bytes, in the order of the paths."""
        return dict(zip(self.paths, self.sizes, strict=True))

    def moved(self, folder: str) -> FileList:
        """The list with paths relative to what is above a folder; folder "": as it is."""
        if not folder:
            return self
        paths = [f"{folder}/{path}" for path in self.paths]
        tags = {f"{folder}/{path}": tag for path, tag in self.tags.items()}
        return FileList(paths, self.sizes, tags, self.others)


def listed(
    sizes: Mapping[str, int], tags: Mapping[str, str] = NOTHING, *, others: bool = False
) -> FileList:
    """The list of files whose sizes are given by path, in any order."""
    paths = sorted(sizes)
    return FileList(paths, [*map(sizes.__getitem__, paths)], tags, others)


def combined(lists: Sequence[FileList]) -> FileList:
    """Several lists as one; of files of the same path, that of the first list."""
    if len(lists) == 1:
        return lists[0]
    sizes: dict[str, int] = {}
    tags: dict[str, str] = {}
    for each in reversed(lists):
        for path in each.paths if tags else ():
            tags.pop(path, None)
        sizes |= each.by_path()
        tags |= each.tags
    return listed(sizes, tags, others=any(each.others for each in lists))


def in_several(lists: Iterable[FileList]) -> list[str]:
    """The paths that more than one list has, sorted."""
    seen: set[str] = set()
    twice: set[str] = set()
    for each in lists:
        twice |= seen.intersection(each.paths)
        seen.update(each.paths)
    return sorted(twice)


def may_hold(paths: Collection[str], words: Iterable[str]) -> bool:
    """Whether one of some words, of small letters, may stand in a path, whatever its case.

    False is certain, and takes a fraction of the time of a look at each path; True is not.
    """
    text = "\0".join(paths)
    if not text.isascii():  # some letters beyond ASCII count as one of ASCII in another case
        return True
    text = text.lower()
    return any(word in text for word in words)
