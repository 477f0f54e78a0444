"""What the jobs of a build share, and how a worker makes a job from it and a shard spec.

The driver sends the JobContext to every worker once, then a ShardSpec for each shard: some bytes a
row. The worker reads the entries of the rows itself. So that it makes exactly the job that was
planned, it refuses to work with other code than the driver's, and refuses a spec if the job that it
makes of it has another digest.
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
    """What a worker needs to know of a source to make samples of it.

    dataset: its reader; roots: where its raw data lies; vocabulary: all classes of its index as
    (name, countable); first: the place of its first entry among those of all sources; entries: path
    or URL of the file that has its entries (vbdata.index.entries); sha256: of that file, "" for a
    local one.
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

    seed, image, options, votes, split: the recipe's; samples, shards: how many there are in all;
    shard_size: samples of a shard, but for the last; cells: each cell of the mixture, with the
    digest of all that makes samples of its entries; inputs: the sources by name; code: digests of
    the code that decides bytes (`code_digests`); folder: where shards lie in the output folder.
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
    votes: int = 0

    @property
    def plugins(self) -> list[tuple[str, str]]:
        """The readers and tasks that the jobs use, each as (package, name), sorted."""
        readers = {(plugins.DATASETS, given.dataset) for given in self.inputs.values()}
        return sorted(readers | {(plugins.TASKS, task) for (_, task), _ in self.cells})

    def ready(self) -> None:
        """Check this process against the driver, and open the files of entries.

        Raises BuildError if its code is not the driver's or a file of entries is another, OSError
        if one cannot be fetched.
        """
        mine = code_digests(self.plugins)
        if others := [name for name in self.code if self.code[name] != mine.get(name)]:
            raise BuildError(f"this worker has other code than the driver: {', '.join(others)}")
        _ = self._opened

    def warm(self) -> None:
        """Load the plug-ins before the first shard; one that fails will say so in its shards."""
        for plugin in self.plugins:
            with suppress(Exception):
                plugins.warm(*plugin)

    def checked(self, spec: ShardSpec) -> Job:
        """The job of a spec, if it is the one that was planned.

        Raises BuildError if its digest is another one, OSError if the entries cannot be read.
        """
        job = self.job(spec)
        rows = bytes.fromhex("".join(row.digest for row in (*job.rows, *job.spares)))
        used = np.bincount(spec.cell, minlength=len(self.cells)) > 0
        digest = self.digest(spec.shard, used, spec.cell, spec.passes, rows, spec.samples)
        if digest != spec.digest:
            files = sorted({self.inputs[name].entries for name in job.roots})
            raise BuildError(
                f"shard {spec.shard}: the index has changed since the build began: "
                f"{', '.join(files)}"
            )
        return job

    def job(self, spec: ShardSpec) -> Job:
        """The job of a spec, with the digest that the spec states. Raises OSError."""
        rows = tuple(self._rows(spec))
        used = {row.source for row in rows}
        inputs = {name: given for name, given in self.inputs.items() if name in used}
        return Job(
            shard=spec.shard,
            tar=tar_path(self.folder, self.split, spec.shard, self.shards),
            first=spec.shard * self.shard_size,
            digits=key_digits(self.samples),
            seed=self.seed,
            image=self.image,
            rows=rows[: spec.samples],
            spares=rows[spec.samples :],
            datasets={name: given.dataset for name, given in inputs.items()},
            vocabulary={name: given.vocabulary for name, given in inputs.items()},
            options=self.options,
            votes=self.votes,
            roots={name: given.roots for name, given in inputs.items()},
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
        """The digest of a job: hexadecimal SHA-256 of its rows, settings and code.

        Hashed are a head as JSON, then three columns of the rows: which of the head's cells, which
        pass, and the digest of the entry.

        number: of the shard; used: bool[cells], which cells it has rows of; cell, passes:
        unsigned[rows]; entries: the rows' entry digests, 32 bytes each; samples: how many of the
        rows are no spares.
        """
        head = self._head | {
            "first": number * self.shard_size,
            "cells": [self.cells[c][1] for c in np.flatnonzero(used)],
            "samples": samples,
            "spares": len(cell) - samples,
        }
        digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
        # cells are numbered as in the head: cells that the shard does not use do not count, so that
        # a new source or task leaves the digests of the other shards alone
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
            **({"votes": self.votes} if self.votes else {}),
        }

    def _rows(self, spec: ShardSpec) -> Iterator[Row]:
        cells = [self.cells[c][0] for c in spec.cell.tolist()]
        passes = spec.passes.tolist()
        for k, entry in enumerate(self._entries(spec, [source for source, _ in cells])):
            yield Row(
                slot=k if k < spec.samples else -1,
                source=cells[k][0],
                task=cells[k][1],
                pass_=passes[k],
                entry=entry,
                digest=entry_digest(entry),
            )

    def _entries(self, spec: ShardSpec, sources: list[str]) -> Iterable[Entry]:
        """The entries of the rows, read source by source; sources: the name of each row's."""
        entries: dict[int, Entry] = {}
        source = np.array(sources)
        for name in sorted({*sources}):
            rows = np.flatnonzero(source == name)
            of_source = spec.record[rows].astype(np.int64) - self.inputs[name].first
            entries |= zip(rows.tolist(), self._opened[name].take(of_source), strict=True)
        return (entries[k] for k in range(len(sources)))

    @cached_property
    def _opened(self) -> dict[str, Entries]:
        return {n: Entries(replica.local_copy(s.entries, s.sha256)) for n, s in self.inputs.items()}

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: files that are open stay in their process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def code_digests(used: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Digests of the code that decides bytes: the engine, the prompt templates, and plug-ins.

    used: the plug-ins, each as (package, name).
    """
    mine = {f"{package} {name}": plugins.code_digest(package, name) for package, name in used}
    return {ENGINE: plugins.engine_digest(), PROMPTS: prompt_digest()} | mine
