"""From a plan to jobs: each one holds all that decides its shard's bytes, and its digest."""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.nouns import Entry
from vbdata.plan import Cell, Plan
from vbdata.prompts import prompt_digest
from vbdata.work import Job, Row

SIZE = hashlib.sha256().digest_size
DIGEST_LENGTH = 8  # hex digits of the build's digest in the shards' path
CONVERTED_AT_ONCE = 1 << 16  # digests from text to bytes


def build_digest(digests: Iterable[str]) -> str:
    """SHA-256 over the digests of all jobs: the name of exactly these bytes."""
    whole = hashlib.sha256()
    for digest in digests:
        whole.update(digest.encode())
    return whole.hexdigest()


class JobDigests(Sequence[str]):
    """SHA-256 digests as hexadecimal texts, in 32 bytes each."""

    def __init__(self, texts: Iterable[str]) -> None:
        raw = bytearray()
        for text in texts:
            raw += bytes.fromhex(text)
        self._raw = np.frombuffer(raw, f"S{SIZE}")  # what it strips, zeros at the end, is put back

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        found = self._raw[number]
        if isinstance(number, slice):
            return [raw.ljust(SIZE, b"\0").hex() for raw in found.tolist()]
        return bytes(found).ljust(SIZE, b"\0").hex()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobDigests) and np.array_equal(self._raw, other._raw)

    def __contains__(self, text: object) -> bool:
        try:
            raw = bytes.fromhex(str(text))
        except ValueError:
            return False
        at = int(np.searchsorted(self._sorted, raw))
        return at < len(self) and len(raw) == SIZE and bool(self._sorted[at] == raw.rstrip(b"\0"))

    @cached_property
    def _sorted(self) -> NDArray[np.bytes_]:
        return np.sort(self._raw)


def job_digests(plan: Plan) -> JobDigests:
    """The digest of every shard's job, without building the jobs."""
    return JobDigests(_digests(plan))


def make_job(plan: Plan, number: int, folder: str, digest: str) -> Job:
    """The job of one shard, to be written below `folder`."""
    part = plan.shard(number)
    rows = _rows(plan, part)
    samples = int((part["slot"] >= 0).sum())
    recipe = plan.recipe
    used = {row.source for row in rows}
    sources = [s for s in recipe.sources if s.name in used]
    return Job(
        shard=number,
        tar=tar_path(plan, number, folder),
        first=number * recipe.shard_size,
        digits=key_digits(recipe.samples),
        seed=recipe.seed,
        image=recipe.image.model_dump(),
        rows=tuple(rows[:samples]),
        spares=tuple(rows[samples:]),
        datasets={s.name: s.dataset for s in sources},
        vocabulary={s.name: plan.indices[s.name].vocabulary for s in sources},
        options=recipe.tasks,
        roots={s.name: s.roots for s in sources},
        digest=digest,
    )


def tar_path(plan: Plan, number: int, folder: str) -> str:
    """Where a shard lies in the output folder."""
    return f"{folder}/{plan.recipe.split}-{number:05d}-of-{plan.shards:05d}.tar"


def key_digits(samples: int) -> int:
    """Keys are positions in the data set, zero-padded so that they sort."""
    return max(8, len(str(samples)))


def _rows(plan: Plan, part: dict[str, Any]) -> list[Row]:
    entries: list[Entry | None] = [None] * len(part["slot"])
    source = np.array([cell.source for cell in plan.cells])[part["cell"]]
    for name in np.unique(source).tolist():
        at = np.flatnonzero(source == name)
        found = plan.indices[name].entries(part["row"][at])
        for place, one in zip(at.tolist(), found, strict=True):
            entries[place] = one
    rows = []
    for k, entry in enumerate(entries):
        cell = plan.cells[part["cell"][k]]
        assert entry is not None
        rows.append(
            Row(
                slot=int(part["slot"][k]),
                source=cell.source,
                task=cell.task,
                pass_=int(part["pass"][k]),
                entry=entry,
            )
        )
    return rows


def _digests(plan: Plan) -> Iterator[str]:
    """SHA-256 of each shard's rows by entry content, of the code that makes them, and settings.

    Hashed are a head as JSON, then the columns of the rows: which of the head's cells, which pass,
    and the digest of the entry.
    """
    contents, cells = _contents(plan), [_cell_digest(plan, cell) for cell in plan.cells]
    for block in plan.blocks():
        passes = block.passes.astype("<i8")
        entries = np.take(contents, block.record, axis=0)
        for number, rows, samples in block.shards():
            used = plan.table[number] > 0
            head = _head(plan, number) | {
                "cells": [cells[c] for c in np.flatnonzero(used)],
                "samples": samples,
                "spares": rows.stop - rows.start - samples,
            }
            digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
            cell = (used.cumsum() - 1).astype("<u4")[block.cell[rows]]
            for column in (cell, passes[rows], entries[rows]):
                digest.update(column.data)
            yield digest.hexdigest()


def _head(plan: Plan, number: int) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "engine": plugins.engine_digest(),
        "prompts": prompt_digest(),
        "seed": recipe.seed,
        "image": recipe.image.model_dump(),
        "first": number * recipe.shard_size,
        "digits": key_digits(recipe.samples),
    }


def _cell_digest(plan: Plan, cell: Cell) -> str:
    """SHA-256 of all that makes a cell's samples from its entries."""
    (dataset,) = (s.dataset for s in plan.recipe.sources if s.name == cell.source)
    said = {
        "source": cell.source,
        "dataset": [dataset, plugins.code_digest(plugins.DATASETS, dataset)],
        "vocabulary": plan.indices[cell.source].vocabulary,
        "task": [cell.task, plugins.code_digest(plugins.TASKS, cell.task)],
        "options": plan.recipe.tasks.get(cell.task, {}),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _contents(plan: Plan) -> NDArray[np.uint8]:
    """The digest of every entry of every source: uint8[records, 32]."""
    contents = np.empty((sum(map(len, plan.indices.values())), SIZE), np.uint8)
    start = 0
    for index in plan.indices.values():
        for batch in index.facts.select(["digest"]).to_batches(CONVERTED_AT_ONCE):
            digits = batch.column(0).cast(pa.binary()).cast(pa.binary(2 * SIZE)).buffers()[1]
            part = contents[start : start + len(batch)]
            part[:] = np.frombuffer(binascii.unhexlify(digits), np.uint8).reshape(-1, SIZE)
            start += len(batch)
    return contents
