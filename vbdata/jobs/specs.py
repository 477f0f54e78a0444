"""From a plan to specs: what a driver holds of the jobs, and hands out a shard at a time."""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.geometry import geometry_for
from vbdata.jobs.context import JobContext, SourceInput, code
from vbdata.jobs.job import Job, ShardSpec
from vbdata.jobs.origin import draw_word, origin_of
from vbdata.layout import tar_path
from vbdata.machine.hashing import file_sha256
from vbdata.planning.plan import Plan, PlannedCell

SIZE = hashlib.sha256().digest_size
CONVERTED_AT_ONCE = 1 << 16  # digests from text to bytes


def planned_tar(plan: Plan, number: int, folder: str) -> str:
    """Where a shard lies in the output folder."""
    return tar_path(folder, plan.recipe.split, number, plan.shards)


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


class ShardSpecs:
    """The specs of a plan, by the number of the shard."""

    def __init__(self, plan: Plan, digest: Callable[[int], str] = lambda _: "") -> None:
        self._plan, self._digest = plan, digest

    def __getitem__(self, number: int) -> ShardSpec:
        block = self._plan.block(number, number + 1)
        return ShardSpec(
            shard=number,
            digest=self._digest(number),
            samples=int(block.samples[0]),
            cell=block.cell,
            record=block.record,
            passes=block.passes,
        )

    def record(self, source: str, sample_id: str) -> int:
        """The place of an entry among those of all sources."""
        first = 0
        for name, index in self._plan.indices.items():
            if name == source:
                return first + int(pc.index(index.facts["id"], sample_id).as_py())
            first += len(index)
        raise KeyError(source)

    def draws(self, spec: ShardSpec) -> dict[str, set[int]]:
        """What samples of earlier builds may serve for its rows: their origins, and their draws."""
        plan, found = self._plan, dict[str, set[int]]()
        passes = spec.passes.tolist()
        image = plan.recipe.image
        for c in np.unique(spec.cell).tolist():
            cell, at = plan.cells[c], np.flatnonzero(spec.cell == c)
            index = plan.indices[cell.source]
            rows = pa.array(spec.record[at] - plan.offsets[c])
            facts = index.facts.select(["digest", "width", "height"]).take(rows).to_pydict()
            for k, digest, width, height in zip(at.tolist(), *facts.values(), strict=True):
                geometry = geometry_for(width, height, image.max_pixels, image.multiple_of)
                origin = origin_of(index.source.dataset, cell.task, image.input, geometry, digest)
                draw = draw_word(plan.recipe.seed, cell.source, passes[k])
                found.setdefault(origin, set()).add(draw)
        return found


def context_of(plan: Plan, folder: str = "") -> JobContext:
    """What all jobs of a plan share. folder: that of the shards."""
    recipe, inputs, first = plan.recipe, dict[str, SourceInput](), 0
    for name, index in plan.indices.items():
        inputs[name] = SourceInput(
            dataset=index.source.dataset,
            roots=index.source.roots,
            vocabulary=index.vocabulary,
            first=first,
            entries=str(index.stored.path),
        )
        first += len(index)
    context = JobContext(
        seed=recipe.seed,
        image=recipe.image.model_dump(),
        options=recipe.tasks,
        split=recipe.split,
        samples=recipe.samples,
        shard_size=recipe.shard_size,
        shards=plan.shards,
        cells=tuple(((c.source, c.task), _cell_digest(plan, inputs, c)) for c in plan.cells),
        inputs=inputs,
        code={},
        folder=folder,
    )
    return replace(context, code=code(context.plugins))


def read_from(context: JobContext, local: Path, url: str) -> JobContext:
    """The same, for workers that read the files of a local folder as they are below a URL."""
    placed = {}
    for name, source_input in context.inputs.items():
        path = Path(source_input.entries)
        there = f"{url}/{path.relative_to(local).as_posix()}"
        placed[name] = replace(source_input, entries=there, sha256=file_sha256(path))
    return replace(context, inputs=placed)


def make_job(plan: Plan, number: int, folder: str, digest: str) -> Job:
    """The job of one shard, to be written below `folder`."""
    return context_of(plan, folder).job(ShardSpecs(plan, lambda _: digest)[number])


def job_digests(plan: Plan) -> JobDigests:
    """The digest of every shard's job, without building the jobs."""
    return JobDigests(_digests(plan, context_of(plan)))


def _digests(plan: Plan, context: JobContext) -> Iterator[str]:
    contents = _contents(plan)
    for block in plan.blocks():
        passes = block.passes.astype("<i8")
        entries = np.take(contents, block.record, axis=0)
        for number, rows, samples in block.shards():
            used = plan.table[number] > 0
            yield context.digest(
                number, used, block.cell[rows], passes[rows], entries[rows].data, samples
            )


def _cell_digest(plan: Plan, inputs: Mapping[str, SourceInput], cell: PlannedCell) -> str:
    """SHA-256 of all that makes a cell's samples from its entries."""
    source_input = inputs[cell.source]
    said = {
        "source": cell.source,
        "dataset": [
            source_input.dataset,
            plugins.code_digest(plugins.DATASETS, source_input.dataset),
        ],
        "vocabulary": source_input.vocabulary,
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
