"""A glimpse of a folder whose data are unknown: which files it has, and how they begin.

It is bounded, and says what was not looked at: of each folder and archive the first files by name
of every kind, of large trees the upper folders, of packed tars the beginning. Nothing outside the
folder is read: links that lead out of it are counted and left alone. Archives are looked into where
a root would mount them (vbdata.sources.open): their members stand beside them.
"""

from __future__ import annotations

import os
import re
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from vbdata.sources import glimpse_archives as archives
from vbdata.sources.glimpse_archives import Place
from vbdata.sources.members import is_archive
from vbdata.sources.open import DEEPEST
from vbdata.storage.filesystems import open_regular
from vbdata.storage.root import clutter

MOST_LISTED = 200_000  # names of a folder that are listed
MOST_ALIKE = 500  # files of a folder that are kept, of one kind and beginning
MOST_KINDS = 64  # such kinds of a folder that are told apart
MOST_FOLDERS = 20_000
MOST_FILES = 100_000
MOST_ARCHIVES = 100  # that are looked into
HEAD = 1 << 16  # bytes of a file that are read at once, unless more are asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What was seen of a folder.

    top: the folder, or an archive; files: path -> bytes of the files on the disk; members: path ->
    place of what is in archives, as if they were unpacked where they lie; folders: those on the
    disk; unseen: sentences about what was not looked at.
    """

    top: Path
    files: Mapping[str, int]
    members: Mapping[str, Place]
    folders: frozenset[str]
    unseen: tuple[str, ...]
    alone: bool = field(default=False)  # whether top is an archive

    @property
    def paths(self) -> list[str]:
        """The files of the disk and of archives, sorted."""
        return sorted({*self.files, *self.members})

    def size(self, path: str) -> int:
        """Bytes of a file, -1 if it was not seen."""
        place = self.members.get(path)
        return self.files.get(path, place.size if place else -1)

    def head(self, path: str, size: int = HEAD) -> bytes:
        """The first bytes of a file or of an archive's member; b"" if it cannot be read."""
        try:
            if path in self.files:
                with open_regular(str(self._base / path)) as file:
                    return file.read(size)
            place = self.members.get(path)
            return archives.head(self._base / place.archive, place, size) if place else b""
        except archives.FAULTS:
            return b""

    def tail(self, path: str, size: int) -> bytes:
        """The last bytes of a file of the disk; b"" if it cannot be read."""
        try:
            with open_regular(str(self._base / path)) as file:
                file.seek(max(0, self.files[path] - size))
                return file.read(size)
        except (*archives.FAULTS, KeyError):
            return b""

    def local(self, path: str) -> Path:
        """Where a file of the disk lies."""
        return self._base / path

    def inside(self, archive: str) -> dict[str, Place]:
        """The members of an archive that were seen, by the name that they have in it."""
        return {p.name: p for p in self.members.values() if p.archive == archive}

    def folder_of(self, prefix: str) -> str:
        """The deepest folder of the disk that is a path's prefix or lies above it."""
        folder = prefix.rstrip("/")
        while folder not in self.folders:
            folder = folder.rpartition("/")[0]
        return folder

    def without(self, taken: Collection[str]) -> Glimpse:
        """The same without some files, and without the members of archives among them."""
        files = {path: size for path, size in self.files.items() if path not in taken}
        members = {
            path: place
            for path, place in self.members.items()
            if path not in taken and place.archive not in taken
        }
        return replace(self, files=files, members=members)

    @property
    def _base(self) -> Path:
        return self.top.parent if self.alone else self.top


def look(path: Path) -> Glimpse:
    """What can be seen of a folder, or of an archive. Raises OSError if it is not there."""
    top = path.resolve(strict=True)
    if top.is_file():
        files, folders, unseen = {top.name: top.stat().st_size}, {""}, list[str]()
    else:
        files, folders, unseen = _walked(top)
    members, doubts = _members(top.parent if top.is_file() else top, files)
    return Glimpse(
        top=top,
        files=files,
        members=members,
        folders=frozenset(folders),
        unseen=(*unseen, *doubts),
        alone=top.is_file(),
    )


def _walked(top: Path) -> tuple[dict[str, int], set[str], list[str]]:
    """Files with their sizes, folders, and what was not looked at: upper folders first."""
    files, folders, seen = dict[str, int](), {""}, set[tuple[int, int]]()
    lost = Counter[str]()
    waiting = deque([""])
    while waiting and len(files) < MOST_FILES and len(folders) < MOST_FOLDERS:
        folder = waiting.popleft()
        try:
            status = os.stat(top / folder)
            if (identity := (status.st_dev, status.st_ino)) in seen:
                continue
            seen.add(identity)
            with os.scandir(top / folder) as listing:
                entries = sorted(islice(listing, MOST_LISTED), key=lambda entry: entry.name)
        except OSError:
            lost["folders that cannot be read"] += 1
            continue
        if len(entries) == MOST_LISTED:
            lost[f"folders with more than {MOST_LISTED:,} names"] += 1
        plain = dict[str, int]()
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if clutter(path) or entry.name.startswith(".") or not entry.name.isprintable():
                continue
            try:
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(top):
                    lost["links that lead out of it"] += 1
                elif entry.is_dir():
                    folders.add(path)
                    waiting.append(path)
                elif entry.is_file():
                    plain[path] = entry.stat().st_size
            except (OSError, RuntimeError):
                lost["files that cannot be read"] += 1
        kept = list(sampled(plain))
        lost["files beside others of their kind"] += len(plain) - len(kept)
        files |= {path: plain[path] for path in kept}
    lost["folders further down"] += len(waiting)
    return files, folders, [f"{what}: {count:,}" for what, count in lost.items() if count]


def sampled(paths: Iterable[str]) -> Iterator[str]:
    """The first paths of each kind: of one type, one beginning before the first digit."""
    counts = Counter[tuple[str, str]]()
    for path in paths:
        name = path.rpartition("/")[2]
        kind = (name.rpartition(".")[2], re.split(r"\d", name, maxsplit=1)[0][:24])
        if kind not in counts and len(counts) >= MOST_KINDS:
            kind = (kind[0], "")
        counts[kind] += 1
        if counts[kind] <= MOST_ALIKE:
            yield path


def _members(base: Path, files: Mapping[str, int]) -> tuple[dict[str, Place], list[str]]:
    """The members of the archives among some files, and what was not looked at."""
    found, unseen = dict[str, Place](), list[str]()
    listed = [path for path in files if is_archive(path) and path.count("/") <= DEEPEST]
    for path in listed[:MOST_ARCHIVES]:
        try:
            members, more = archives.listed(base / path, path)
        except archives.FAULTS as err:
            unseen.append(f"{path}, which cannot be read: {err}")
            continue
        if more:
            unseen.append(f"the members of {path} after the first {len(members):,}")
        above = path[: path.rfind("/") + 1]
        by_folder = dict[str, list[str]]()
        for name in sorted(members):
            by_folder.setdefault(name.rpartition("/")[0], []).append(name)
        for names in by_folder.values():
            for name in sampled(names):
                if above + name not in files:
                    found.setdefault(above + name, members[name])
    if len(listed) > MOST_ARCHIVES:
        unseen.append(f"{len(listed) - MOST_ARCHIVES:,} archives more")
    return found, unseen
