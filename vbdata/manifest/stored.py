"""The files of a finished build, read on demand: rows by columns or by shard, tars by sample.

Whatever is damaged becomes a BuildError of one sentence that names the file. A sample is read as
one range of its tar, and a whole tar only if its SHA-256 is right. Nothing here decodes an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata.core import members
from vbdata.errors import BadSample, BuildError, one_line
from vbdata.layout import MANIFEST, SUMS, offsets_path
from vbdata.machine.hashing import file_sha256
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Manifest
from vbdata.manifest.rows import UNREADABLE, RowSpan, all_rows, opened_rows, read_rows, row_places
from vbdata.manifest.sums import hash_fault
from vbdata.shard.tar_read import Offsets, parse_offsets, read_between, read_sample
from vbdata.storage.folder import Folder


def damaged(folder: Folder, what: str) -> BuildError:
    """The error for a build in `folder` that is damaged; what: the fault, which names a file."""
    return BuildError(f"{folder.url}: {one_line(what)}; run vbdata verify")


@contextmanager
def intact(folder: Folder, path: str, advice: str = "run vbdata verify") -> Iterator[None]:
    """Whatever a damaged file makes Python's and Parquet's code raise inside becomes a BuildError.

    path: the file; advice: what its reader can do.
    """
    try:
        yield
    except (*UNREADABLE, LookupError, AttributeError, RecursionError) as err:
        text = one_line(f"{path}: cannot be read: {type(err).__name__}: {err}")
        raise BuildError(f"{folder.url}: {text}; {advice}") from err


@dataclass(frozen=True, eq=False)
class StoredBuild:
    """The files of a finished build: rows by column or shard, samples by shard and slot.

    folder: of the build; manifest: manifest.json, typed; document: manifest.json as plain JSON
    values; sums: the SHA-256 of every published file, by path. May be pickled. What a method reads
    may turn out to be damaged: it then raises BuildError.
    """

    folder: Folder
    manifest: Manifest
    document: Mapping[str, Any] = field(repr=False)
    sums: Mapping[str, str] = field(repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    # Rows.

    @contextmanager
    def rows_file(self) -> Iterator[pq.ParquetFile]:
        """The Parquet file of the rows, open while the context lasts, read by range.

        Its columns and row counts are checked. Its pages are not until they are read: read them
        inside `reading`. Raises BuildError if it is damaged.
        """
        with ExitStack() as stack:
            with self.reading():
                file = stack.enter_context(opened_rows(self.folder, self.manifest.rows))
                row_places(file, self.manifest)
            yield file

    def reading(self) -> AbstractContextManager[None]:
        """Whatever damaged rows raise inside becomes a BuildError that names their file."""
        return intact(self.folder, self.manifest.rows)

    @cached_property
    def places(self) -> list[RowSpan]:
        """Where the rows of each shard lie in the Parquet file, by the shard's number."""
        with self.reading(), opened_rows(self.folder, self.manifest.rows) as file:
            return row_places(file, self.manifest)

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all rows, in the order of the keys; strings are dictionary-encoded."""
        with self.rows_file() as file, self.reading():
            return all_rows(file, names)

    def shard_rows(self, number: int) -> list[dict[str, Any]]:
        """All rows of a shard, by its number from 0, as dictionaries by column."""
        places = self.places
        with self.reading(), opened_rows(self.folder, self.manifest.rows) as file:
            rows: list[dict[str, Any]] = read_rows(file, places[number], ROWS.names).to_pylist()
            return rows

    @cached_property
    def keys(self) -> list[str]:
        """The keys of all samples, rising."""
        keys: list[str] = self.columns(["key"])["key"].to_pylist()
        return keys

    # Samples and tars.

    def read(self, number: int, slot: int, key: str) -> dict[str, bytes]:
        """The files, by extension, of the sample in place `slot` of shard `number`, both from 0.

        key: the sample's, which the tar must have at this place. Takes two requests, or one if
        `offsets` has been called for the shard. Raises BuildError if the sample is damaged.
        """
        tar = self.manifest.shards[number].tar
        if number in self._offsets:
            first, end = (int(edge) for edge in self._offsets[number][slot : slot + 2])
            parts = read_between(self.folder, tar, first, end, key)
        else:
            parts = read_sample(self.folder, tar, slot, key)
        roles = [members.role(name) for name in parts]
        if len(roles) > len({*roles}) or not members.ALWAYS.issubset(roles):
            expected = ", ".join(sorted(members.ALWAYS))
            found = ", ".join(sorted(parts))
            raise self.damaged(f"{tar}: {key} has {found}, expected one each of {expected}")
        return parts

    def offsets(self, number: int) -> Offsets:
        """uint64[samples + 1]: the bytes of a shard's tar at which its samples begin, then the end.

        Read once a shard and kept. Raises BuildError if they do not fit the shard or were changed.
        """
        if number not in self._offsets:
            shard = self.manifest.shards[number]
            path = offsets_path(shard.tar)
            try:
                packed = self.folder.read(path)
                offsets = parse_offsets(packed, shard.samples, shard.bytes)
            except (ValueError, BadSample) as err:
                raise self.damaged(f"{path}: {err}") from err
            if hashlib.sha256(packed).hexdigest() != self.sums.get(path):
                raise self.damaged(f"{path}: its SHA-256 is not the one in {SUMS}")
            self._offsets[number] = offsets
        return self._offsets[number]

    @contextmanager
    def tar(self, number: int) -> Iterator[Path]:
        """The path of a shard's tar on this machine's disk, copied there if it lies elsewhere.

        Raises BuildError if its SHA-256 is not the manifest's.
        """
        shard = self.manifest.shards[number]
        with self.folder.local_copy(shard.tar) as path:
            if file_sha256(path) != shard.sha256:
                raise self.damaged(f"{shard.tar}: its SHA-256 is not the one in {MANIFEST}")
            yield path

    def check(self, path: str) -> None:
        """Raise BuildError unless a published file has the SHA-256 that SHA256SUMS states."""
        if fault := hash_fault(self.folder, path, self.sums.get(path, "")):
            raise self.damaged(fault)

    def damaged(self, what: str) -> BuildError:
        """The error for this build if it is damaged; what: the fault, which names a file."""
        return damaged(self.folder, what)

    @cached_property
    def _offsets(self) -> dict[int, Offsets]:
        return {}
