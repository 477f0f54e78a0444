"""The one way into a finished build, for every command and for `vbdata.open_build`.

Opening reads manifest.json, up to a size, types every part of it, and compares it with its own
digest, with its other parts and with SHA256SUMS before any value of it is used. Whatever is wrong
becomes a BuildError of one sentence, the same for all who open the build.

Rows and samples are read on demand (vbdata.manifest.stored). Opening decodes no image.
"""

from __future__ import annotations

import html
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.errors import BuildError
from vbdata.layout import CLAIM, MANIFEST, SUMS
from vbdata.manifest.consistency import manifest_faults
from vbdata.manifest.read import read_manifest
from vbdata.manifest.sample import BuiltSample
from vbdata.manifest.stored import StoredBuild, damaged
from vbdata.manifest.sums import hash_fault, read_sums
from vbdata.storage.claim import holder
from vbdata.storage.folder import Folder

Ints = NDArray[np.int64]


def open_build(folder: Folder) -> Build:
    """Open the finished build in a folder.

    Raises BuildError, in one sentence, if there is none, if its manifest.json was damaged or edited
    since it was built, or if the folder cannot be read.
    """
    try:
        missing = [path for path in (MANIFEST, SUMS) if folder.size(path) < 0]
    except (OSError, ValueError, ImportError) as err:
        raise BuildError(f"{folder.url} cannot be read: {type(err).__name__}: {err}") from err
    if missing:
        raise unfinished(folder, missing[0])
    faults: list[str] = []
    parsed = read_manifest(folder, faults)
    if parsed is not None and not faults:
        sums = read_sums(folder, faults)
        faults += manifest_faults(parsed[0], sums, {})
        faults += filter(None, [hash_fault(folder, MANIFEST, sums.get(MANIFEST, ""))])
        if not faults:
            return Build(folder, *parsed, sums=sums)
    raise damaged(folder, faults[0])


def unfinished(folder: Folder, missing: str) -> BuildError:
    """The error for a folder without a finished build; missing: the file that is not there."""
    text = f"{folder.url} holds no finished build: {missing} is missing"
    by = holder(folder, CLAIM)
    return BuildError(f"{text}; it is being built by {by}" if by else text)


@dataclass(frozen=True, eq=False)
class Build(StoredBuild, Sequence[BuiltSample]):
    """A finished build: a sequence of its samples, in the order of their keys.

    `build[0]` is the first sample, `build["00000017"]` the one of a key. Made by `open_build`; may
    be pickled. manifest: manifest.json, typed; document: manifest.json as plain JSON values; sums:
    the SHA-256 of every published file, by path. What a method reads may turn out to be damaged:
    it then raises BuildError, or BadSample for a single picture.
    """

    def __len__(self) -> int:
        return self.manifest.samples

    @overload
    def __getitem__(self, which: int | str) -> BuiltSample: ...
    @overload
    def __getitem__(self, which: slice) -> list[BuiltSample]: ...
    def __getitem__(self, which: int | str | slice) -> BuiltSample | list[BuiltSample]:
        """A sample by its place, counted from 0 or, if negative, from the end; or by its key.

        A slice of places gives a list. Raises IndexError or KeyError if there is no such sample,
        BuildError or BadSample if the sample is damaged.
        """
        if isinstance(which, slice):
            return [self[place] for place in range(*which.indices(len(self)))]
        row = self.row(which)
        return BuiltSample.of(row, self.members(which))

    def __contains__(self, key: object) -> bool:
        """Whether there is a sample of a key; a sample is in the build if its key is."""
        return (key.key if isinstance(key, BuiltSample) else key) in self._by_key

    def __iter__(self) -> Iterator[BuiltSample]:
        return (self[place] for place in range(len(self)))

    def __reversed__(self) -> Iterator[BuiltSample]:
        return (self[place] for place in reversed(range(len(self))))

    def _repr_html_(self) -> str:
        """The mixture as a table, for notebooks; all texts are escaped."""
        lines = "".join(
            f"<tr><td>{html.escape(cell.source)}</td><td>{html.escape(cell.task)}</td>"
            f"<td>{cell.realised}</td></tr>"
            for cell in self.manifest.cells
        )
        head = "<tr><th>source</th><th>task</th><th>samples</th></tr>"
        return f"<p>{html.escape(repr(self))}</p><table>{head}{lines}</table>"

    def __repr__(self) -> str:
        return (
            f"<Build {self.manifest.name!r} ({self.manifest.split}) of {len(self)} samples in "
            f"{len(self.manifest.shards)} shards at {self.folder.url}>"
        )

    def row(self, which: int | str) -> dict[str, Any]:
        """A sample's row of the manifest, by its place or key.

        Raises IndexError or KeyError if there is no such sample, BuildError if rows are damaged.
        """
        number, slot = self.locate(which)
        last, rows = self._last_rows.get("", (-1, []))
        if last != number:  # one shard is kept: samples mostly come in order
            rows = self.shard_rows(number)
            self._last_rows[""] = number, rows  # in one step, as threads may share a build
        return rows[slot]

    def members(self, which: int | str) -> dict[str, bytes]:
        """A sample's files by extension (core.members), read as one range of its tar.

        Raises IndexError or KeyError if there is no such sample, BuildError if it is damaged.
        """
        number, slot = self.locate(which)
        return self.read(number, slot, self.keys[int(self.starts[number]) + slot])

    def task(self, name: str) -> ModuleType:
        """The module of a task. Raises BuildError, with the known tasks, for any other name."""
        module = plugins.usable(plugins.TASKS, name)
        if module is None:
            raise BuildError(f"{self.folder.url}: {plugins.why_not(plugins.TASKS, name)}")
        return module

    @cached_property
    def starts(self) -> Ints:
        """int64[shards + 1]: the place of each shard's first sample, then the number of samples."""
        return np.cumsum([0, *(shard.samples for shard in self.manifest.shards)], dtype=np.int64)

    def shard_of(self, places: Ints) -> tuple[Ints, Ints]:
        """The shard of each of some samples, and its place in that shard; both int64[n], from 0.

        places: int64[n], from 0, in the whole build.
        """
        number = np.searchsorted(self.starts, places, "right") - 1
        return number, places - self.starts[number]

    def locate(self, which: int | str) -> tuple[int, int]:
        """The number of a sample's shard and its place in it, both from 0; by place or key.

        Raises IndexError or KeyError if there is no such sample.
        """
        if isinstance(which, str) and which not in self._by_key:
            raise KeyError(f"no sample of {self.folder.url} has the key {which!r}")
        place = self._by_key[which] if isinstance(which, str) else operator.index(which)
        if not -len(self) <= place < len(self):
            raise IndexError(f"sample {place} of {len(self)}")
        number, slot = self.shard_of(np.array([place % len(self)], np.int64))
        return int(number[0]), int(slot[0])

    @cached_property
    def _by_key(self) -> dict[str, int]:
        return {key: place for place, key in enumerate(self.keys)}

    @cached_property
    def _last_rows(self) -> dict[str, tuple[int, list[dict[str, Any]]]]:
        return {}
