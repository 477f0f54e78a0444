"""Open a dataset's root: a folder, an archive as distributed, or several of them as layers.

An archive in the folder, or at most four folders below it, is mounted: its members are read as if
`unzip` had been run beside it. So is an archive inside an archive, but no deeper. Real files win
over members of the same path, earlier URLs over later ones, and archives of earlier names over
those of later names.

To read a .tar.gz, it has to be unpacked into the cache (vbdata.sources.members). One whose first
files lie beside it has been unpacked already, and is left alone.

Nothing is listed before it is needed: real files are read as from any folder, and only what is not
found is looked up in the archives above it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from vbdata.errors import BadSample, SourceError
from vbdata.sources.archive import Archive
from vbdata.sources.members import PACKED, TARS, archives_of, first_files, is_archive
from vbdata.sources.union import Layers, Union
from vbdata.storage.filelist import FileList, combined
from vbdata.storage.folder import Folder
from vbdata.storage.root import Holder, Root

DEEPEST = 4  # folders between a root and an archive in it that is mounted
HTTP = ("http://", "https://")
UNLISTED = (
    "cannot be reached, or its server lists no files there: a root over HTTP has to list its "
    "folders (index pages with links), or be the address of one archive (.zip, .tar)"
)
PROBED = 16  # files of a .tar.gz that are looked for unpacked beside it


def open_root(urls: Sequence[str], *, mount: bool = True, strict: bool = False) -> Root:
    """The root of one or several paths or URLs, each a folder or (by its name) an archive.

    The first URL is on top. mount: whether archives are mounted; a reader that reads archives
    itself wants them as files; strict: whether a file that stands in two of the URLs is an error,
    for an index: it must not depend on their order. Raises SourceError if a URL is not there, has a
    key in it or is no whole archive; OSError, with the URL in its text, if the network or the
    permissions fail.
    """
    layers = [_layer(url, mount) for url in urls]
    return layers[0] if len(layers) == 1 else Layers(layers, strict=strict)


def _layer(url: str, mount: bool) -> Root:
    folder = Folder(url.rstrip("/") or "/")
    if not folder.local:
        folder.fs.invalidate_cache()  # another process may have written since it was listed
    http = folder.url.startswith(HTTP)
    if not folder.exists():
        unlisted = http and not is_archive(folder.url)
        why = UNLISTED if unlisted else f"does not exist{lost_bucket(folder)}"
        raise SourceError(f"{folder.url} {why}")
    above, _, name = folder.url.rpartition("/")
    if not is_archive(name) or folder.size("") < 0:
        if http and not folder.names():
            raise SourceError(f"{folder.url} {UNLISTED}")
        return Mounted(folder) if mount else folder
    if not mount and name.lower().endswith(TARS):
        return OneFile(Folder(above or "/"), name)
    archive = open_archive(Folder(above or "/"), name)
    return Mounted(archive) if mount else archive


def lost_bucket(folder: Folder) -> str:
    """For the message about a missing folder: that its whole bucket is missing, if it is."""
    scheme, bucket = folder.url.partition("://")[0], folder.base.partition("/")[0]
    lost = not folder.local and bucket and not Folder(f"{scheme}://{bucket}").exists()
    return f": there is no {bucket!r}" if lost else ""


def open_archive(holder: Holder, path: str) -> Archive:
    """An archive in a folder or in another archive.

    Raises SourceError if it is not there or is no whole archive, OSError if it cannot be read.
    """
    try:
        return Archive(holder, path)
    except BadSample as err:
        raise SourceError(f"{holder.url}/{path}: {err.detail}") from err


class _Mount(NamedTuple):
    """A mounted archive.

    tops: names at its top level (None: too many, or archives are in it); alone: no real file lies
    below one of these names, so its members need not be looked for among the real files first.
    """

    root: Root
    tops: tuple[str, ...] | None
    alone: bool


class Mounted(Union):
    """A folder or archive with the archives inside it mounted."""

    def __init__(self, base: Holder) -> None:
        self._base, self.url = base, base.url
        self._mounts: dict[str, list[_Mount]] = {}

    def __reduce__(self) -> tuple[type[Mounted], tuple[Holder]]:
        return Mounted, (self._base,)

    def places(self, path: str) -> Iterator[tuple[Root, str]]:
        """The roots that may hold a file or folder, and its path there, best place first.

        First archives that are open already and alone can have it, which saves a look at the disk
        or the store; then the real files; then all archives above the path.
        """
        above = _above(path)
        for mount, inner in self._holding(path, [f for f in above if f in self._mounts]):
            if mount.alone:
                yield mount.root, inner
        yield self._base, path
        for mount, inner in self._holding(path, above):
            yield mount.root, inner

    def listing(self, below: str = "") -> FileList:
        """All files below a folder, real ones and members, sorted by path, each path once."""
        real = self._base.listing(below)
        archives = [path for path in archives_of(real.paths) if path.count("/") <= DEEPEST]
        if not real.others and below not in map(_parent, archives):
            self._mounts.setdefault(below, [])  # which saves to look at all names there again
        inside = {_parent(path) for path in archives if "\\" not in path}  # a name of other bytes
        lists = [real]
        for folder in dict.fromkeys([*_down_to(below), *sorted(inside)]):
            for mount in self._in(folder):
                members = mount.root.listing(_relative(below, folder))
                lists.append(members.moved(folder))
        return combined(lists)

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one, real ones and those of archives, sorted."""
        names = set(self._base.folders(below))
        for folder in _down_to(below):
            for mount in self._in(folder):
                names.update(mount.root.folders(_relative(below, folder)))
        return sorted(names)

    def _holding(self, path: str, folders: Iterable[str]) -> Iterator[tuple[_Mount, str]]:
        """The archives in some folders above a path that may hold it, and its path in them."""
        for folder in folders:
            inner = _relative(path, folder)
            for mount in self._in(folder):
                if mount.tops is None or inner.partition("/")[0] in mount.tops:
                    yield mount, inner

    def _in(self, folder: str) -> list[_Mount]:
        """The mounted archives that lie directly in a folder. Raises SourceError."""
        if folder not in self._mounts:
            names = self._base.names(folder)
            archives = sorted(n for n in archives_of(names) if not names[n])
            self._mounts[folder] = [
                self._mount(folder, name, names)
                for name in archives
                if not self._lies_unpacked(folder, name)
            ]
        return self._mounts[folder]

    def _lies_unpacked(self, folder: str, name: str) -> bool:
        """Whether the first files of a .tar.gz lie in its folder: then it is unpacked already."""
        if isinstance(self._base, Archive) or not name.lower().endswith(PACKED):
            return False
        first = first_files(self._base, _joined(folder, name), PROBED)
        return bool(first) and all(self._base.size(_joined(folder, p)) == n for p, n in first)

    def _mount(self, folder: str, name: str, names: Collection[str]) -> _Mount:
        archive = open_archive(self._base, _joined(folder, name))
        tops = archive.table.tops
        alone = tops is not None and not any(top in names for top in tops)
        if isinstance(self._base, Archive) or not archive.table.archives:
            return _Mount(archive, tops, alone)
        return _Mount(Mounted(archive), None, False)


class OneFile(Union):
    """A folder in which one file exists and nothing else."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder, self._name = folder, name
        self.url = f"{folder.url}/{name}"

    def places(self, path: str) -> Iterator[tuple[Root, str]]:
        """The folder, if the path is that of the file."""
        if path == self._name:
            yield self._folder, path

    def listing(self, below: str = "") -> FileList:
        """The one file, if the folder is asked for as a whole."""
        if below:
            return FileList()
        return FileList([self._name], [self._folder.size(self._name)])

    def folders(self, below: str = "") -> list[str]:
        """Names of the folders directly below one: there are none."""
        return []


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _above(path: str) -> list[str]:
    """The folders above a path in which archives are mounted, the root first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:n]) for n in range(min(len(parts), DEEPEST) + 1)]


def _down_to(folder: str) -> list[str]:
    """A folder and those above it, as far as archives are mounted in them, the root first."""
    return _above(f"{folder}/_") if folder else [""]


def _relative(path: str, folder: str) -> str:
    """A path relative to a folder above it; "" if that is not above it."""
    if not folder:
        return path
    return path[len(folder) + 1 :] if path.startswith(f"{folder}/") else ""
