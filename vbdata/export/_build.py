"""The build that is exported: its manifest checked against its digest, its files against the sums.

Nothing is passed on that is not what the build says: every tar is hashed before it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vbdata.checks.files import hash_fault, read_sums
from vbdata.checks.manifest import manifest_faults, read_manifest
from vbdata.checks.rows import UNREADABLE, Place, opened_rows, read_rows, row_places
from vbdata.errors import BuildError
from vbdata.layout import MANIFEST, SUMS
from vbdata.manifest.columns import ROWS
from vbdata.manifest.model import Manifest
from vbdata.storage.folder import Folder


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build, opened. places: where the rows of each shard lie."""

    folder: Folder
    manifest: Manifest
    places: list[Place]

    def rows(self, number: int) -> list[dict[str, Any]]:
        """The rows of a shard. Raises BuildError."""
        try:
            with opened_rows(self.folder, self.manifest.rows) as file:
                table = read_rows(file, self.places[number], ROWS.names)
        except UNREADABLE as err:
            raise self.damaged(f"{self.manifest.rows}: {type(err).__name__}: {err}") from err
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    @contextmanager
    def tar(self, number: int) -> Iterator[Path]:
        """A shard's tar on this machine's disk, of exactly the manifest's bytes.

        Raises BuildError.
        """
        shard = self.manifest.shards[number]
        with self.folder.local_copy(shard.tar) as path:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != shard.sha256:
                raise self.damaged(f"{shard.tar}: its SHA-256 is not the one in {MANIFEST}")
            yield path

    def damaged(self, what: str) -> BuildError:
        """The error of a build that is not what it says."""
        return BuildError(f"{self.folder.url}: {what}; run vbdata verify")


def open_build(folder: Folder) -> Build:
    """Open a build. Raises BuildError if there is none, or if it is not what it says."""
    try:
        files = {path: folder.size(path) for path in (MANIFEST, SUMS)}
        if min(files.values()) < 0:
            raise BuildError(f"{folder.url} holds no finished build: no {MANIFEST} or {SUMS}")
        faults: list[str] = []
        sums = read_sums(folder, faults)
        manifest = read_manifest(folder, faults)
        if manifest is not None:
            faults += manifest_faults(manifest, sums, {})
            for path in (MANIFEST, manifest.rows):
                faults += filter(None, [hash_fault(folder, path, sums.get(path, ""))])
        if faults or manifest is None:
            raise BuildError(f"{folder.url}: {faults[0]}; run vbdata verify")
        with opened_rows(folder, manifest.rows) as file:
            places = row_places(file, manifest)
    except UNREADABLE as err:
        raise BuildError(f"{folder.url} cannot be read: {err}; run vbdata verify") from err
    return Build(folder, manifest, places)
