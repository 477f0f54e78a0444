"""From a spec to a job, where the job is done: what all jobs share, and how one is made.

A driver sends this once to every worker and then a spec a shard, some bytes a row; the worker
reads the entries itself. So that it makes the very job that was planned, it refuses to work with
other code than the driver's, and a spec whose rows, by the digests of their entries, are not
those that it has found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.prompts import prompt_digest
from vbdata.core.types import Cell, Entry
from vbdata.errors import BuildError
from vbdata.index.entries import Entries
from vbdata.index.facts import entry_digest
from vbdata.jobs.job import Job, Row, ShardSpec
from vbdata.layout import key_digits, tar_path
from vbdata.storage import replica

ENGINE, PROMPTS = "vbdata", "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInput:
    """A source, for those who make its samples.

    first: place of its first entry among those of all sources; entries: the file that has them, by
    path or URL; sha256: of that file, where it is not local.
    """

    dataset: str
    roots: tuple[str, ...]
    vocabulary: tuple[tuple[str, bool], ...]
    first: int
    entries: str
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class JobContext:
    """What all jobs of a build have in common.

    cells: the mixture's, with the digest of all that makes samples of entries in each;
    code: what decides bytes, and its digest; folder: that of the shards.
    """

    seed: int
    image: Mapping[str, Any]
    options: Mapping[str, Mapping[str, Any]]
    split: str
    samples: int
    shard_size: int
    shards: int
    cells: tuple[tuple[Cell, str], ...]
    inputs: Mapping[str, SourceInput]
    code: Mapping[str, str]
    folder: str = ""

    @property
    def plugins(self) -> list[tuple[str, str]]:
        """Readers and tasks that they use, as package and name."""
        readers = {
            (plugins.DATASETS, source_input.dataset) for source_input in self.inputs.values()
        }
        return sorted(readers | {(plugins.TASKS, task) for (_, task), _ in self.cells})

    def ready(self) -> None:
        """Have the entries at hand. Raises BuildError if the code or a file is not the driver's."""
        mine = code(self.plugins)
        if others := [name for name in self.code if self.code[name] != mine.get(name)]:
            raise BuildError(f"this worker has other code than the driver: {', '.join(others)}")
        _ = self._opened

    def warm(self) -> None:
        """Load plug-ins now, not in the first shard; one that fails will say so in its shards."""
        for plugin in self.plugins:
            with suppress(Exception):
                plugins.warm(*plugin)

    def checked(self, spec: ShardSpec) -> Job:
        """A shard's job. Raises BuildError if it is not the one that was planned; OSError."""
        job = self.job(spec)
        rows = bytes.fromhex("".join(row.digest for row in (*job.rows, *job.spares)))
        used = np.bincount(spec.cell, minlength=len(self.cells)) > 0
        found = self.digest(spec.shard, used, spec.cell, spec.passes, rows, spec.samples)
        if found != spec.digest:
            places = sorted({self.inputs[name].entries for name in job.roots})
            raise BuildError(
                f"shard {spec.shard}: the index has changed since the build began: "
                f"{', '.join(places)}"
            )
        return job

    def job(self, spec: ShardSpec) -> Job:
        """A shard's job, as the spec says."""
        rows = tuple(self._rows(spec))
        used = {row.source for row in rows}
        inputs = {name: source_input for name, source_input in self.inputs.items() if name in used}
        return Job(
            shard=spec.shard,
            tar=tar_path(self.folder, self.split, spec.shard, self.shards),
            first=spec.shard * self.shard_size,
            digits=key_digits(self.samples),
            seed=self.seed,
            image=self.image,
            rows=rows[: spec.samples],
            spares=rows[spec.samples :],
            datasets={name: source_input.dataset for name, source_input in inputs.items()},
            vocabulary={name: source_input.vocabulary for name, source_input in inputs.items()},
            options=self.options,
            roots={name: source_input.roots for name, source_input in inputs.items()},
            digest=spec.digest,
            reuse=spec.reuse,
        )

    def digest(
        self,
        number: int,
        used: NDArray[np.bool_],
        cell: NDArray[Any],
        passes: NDArray[Any],
        entries: bytes | memoryview,
        samples: int,
    ) -> str:
        """SHA-256 of a shard's rows by entry content, of the code that makes them, and settings.

        Hashed are a head as JSON, then the columns of the rows: which of the head's cells, which
        pass, and the digest of the entry. used: bool[cells], those of the shard.
        """
        head = self._head | {
            "first": number * self.shard_size,
            "cells": [self.cells[c][1] for c in np.flatnonzero(used)],
            "samples": samples,
            "spares": len(cell) - samples,
        }
        digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        digest.update((used.cumsum() - 1).astype("<u4")[cell].data)
        digest.update(passes.astype("<i8").data)
        digest.update(entries)
        return digest.hexdigest()

    @cached_property
    def _head(self) -> dict[str, Any]:
        return {
            "engine": self.code[ENGINE],
            "prompts": self.code[PROMPTS],
            "seed": self.seed,
            "image": self.image,
            "digits": key_digits(self.samples),
        }

    def _rows(self, spec: ShardSpec) -> Iterator[Row]:
        cells = [self.cells[c][0] for c in spec.cell.tolist()]
        passes = spec.passes.tolist()
        for k, entry in enumerate(self._of(spec, [source for source, _ in cells])):
            yield Row(
                slot=k if k < spec.samples else -1,
                source=cells[k][0],
                task=cells[k][1],
                pass_=passes[k],
                entry=entry,
                digest=entry_digest(entry),
            )

    def _of(self, spec: ShardSpec, sources: list[str]) -> Iterable[Entry]:
        found: dict[int, Entry] = {}
        source = np.array(sources)
        for name in sorted({*sources}):
            at = np.flatnonzero(source == name)
            rows = spec.record[at].astype(np.int64) - self.inputs[name].first
            found |= zip(at.tolist(), self._opened[name].take(rows), strict=True)
        return (found[k] for k in range(len(sources)))

    @cached_property
    def _opened(self) -> dict[str, Entries]:
        return {n: Entries(replica.local_copy(s.entries, s.sha256)) for n, s in self.inputs.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def code(used: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What decides bytes, with its digest: the engine, the prompts, and plug-ins."""
    mine = {f"{package} {name}": plugins.code_digest(package, name) for package, name in used}
    return {ENGINE: plugins.engine_digest(), PROMPTS: prompt_digest()} | mine
