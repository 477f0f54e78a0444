"""From a plan to shard specs: what the driver keeps of the jobs, and sends one shard at a time.

The driver never makes whole jobs: with millions of samples they would not fit in memory. It holds
the plan's columns and a digest of each job, and cuts a spec out of the plan when a worker is free.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.curriculum import BALANCE, options_of
from vbdata.core.geometry import geometry_for
from vbdata.jobs.context import JobContext, SourceInput, code_digests
from vbdata.jobs.job import Job, ShardSpec
from vbdata.jobs.origin import draw_word, origin_of
from vbdata.layout import tar_path
from vbdata.machine.hashing import file_sha256
from vbdata.planning.plan import Plan, PlannedCell

SIZE = hashlib.sha256().digest_size
CONVERTED_AT_ONCE = 1 << 16  # digests from text to bytes


def planned_tar(plan: Plan, number: int, folder: str) -> str:
    """The path of a shard's tar. folder: of the shards, relative to the output folder."""
    return tar_path(folder, plan.recipe.split, number, plan.shards)


class JobDigests(Sequence[str]):
    """A sequence of hexadecimal SHA-256 digests, one a job, that takes 32 bytes for each.

    `in` finds a digest by bisection.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        raw = bytearray()
        for text in texts:
            raw += bytes.fromhex(text)
        # NumPy strips zeros from the end of such bytes; whoever reads one puts them back
        self._raw = np.frombuffer(raw, f"S{SIZE}")

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        raw = self._raw[number]
        if isinstance(number, slice):
            return [each.ljust(SIZE, b"\0").hex() for each in raw.tolist()]
        return bytes(raw).ljust(SIZE, b"\0").hex()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobDigests) and np.array_equal(self._raw, other._raw)

    def __contains__(self, text: object) -> bool:
        try:
            raw = bytes.fromhex(str(text))
        except ValueError:
            return False
        rank = int(np.searchsorted(self._sorted, raw))
        if rank == len(self) or len(raw) != SIZE:
            return False
        return bool(self._sorted[rank] == raw.rstrip(b"\0"))

    @cached_property
    def _sorted(self) -> NDArray[np.bytes_]:
        return np.sort(self._raw)


class ShardSpecs:
    """The shard specs of a plan, by the number of the shard; each is made when it is asked for.

    digest: gives the digest of a shard's job by number; by default it is left empty.
    """

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
        """The place of an entry among the entries of all sources, as ShardSpec.record has it.

        Raises KeyError if the plan has no such source.
        """
        first = 0
        for name, index in self._plan.indices.items():
            if name == source:
                return first + int(pc.index(index.facts["id"], sample_id).as_py())
            first += len(index)
        raise KeyError(source)

    def draws(self, spec: ShardSpec) -> dict[str, set[int]]:
        """Which samples of earlier builds may serve for a spec's rows and spares.

        Origin (jobs.origin) -> words of the draws that its rows get their prompts by (`draw_word`).
        """
        plan, draws = self._plan, dict[str, set[int]]()
        passes = spec.passes.tolist()
        image, settings = plan.recipe.image, plan.recipe.image.model_dump()
        for c in np.unique(spec.cell).tolist():
            cell, rows = plan.cells[c], np.flatnonzero(spec.cell == c)
            index = plan.indices[cell.source]
            entries = pa.array(spec.record[rows] - plan.offsets[c])
            facts = index.facts.select(["digest", "width", "height"]).take(entries).to_pydict()
            for k, digest, width, height in zip(rows.tolist(), *facts.values(), strict=True):
                geometry = geometry_for(
                    width, height, image.max_pixels, image.multiple_of, image.sizes
                )
                origin = origin_of(index.source.dataset, cell.task, settings, geometry, digest)
                draw = draw_word(plan.recipe.seed, cell.source, passes[k])
                draws.setdefault(origin, set()).add(draw)
        return draws


def context_of(plan: Plan, folder: str = "") -> JobContext:
    """What all jobs of a plan share. folder: of the shards, relative to the output folder."""
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
        votes=recipe.votes,
        split=recipe.split,
        samples=recipe.samples,
        shard_size=recipe.shard_size,
        shards=plan.shards,
        cells=tuple(((c.source, c.task), _cell_digest(plan, inputs, c)) for c in plan.cells),
        inputs=inputs,
        code={},
        folder=folder,
    )
    return replace(context, code=code_digests(context.plugins))


def read_from(context: JobContext, local: Path, url: str) -> JobContext:
    """A context for workers that cannot see `local`, and read its files of entries below `url`.

    Each input gets the URL of its file, and the file's SHA-256, by which workers know their copy.
    """
    inputs = {}
    for name, source_input in context.inputs.items():
        path = Path(source_input.entries)
        remote = f"{url}/{path.relative_to(local).as_posix()}"
        inputs[name] = replace(source_input, entries=remote, sha256=file_sha256(path))
    return replace(context, inputs=inputs)


def make_job(plan: Plan, number: int, folder: str, digest: str) -> Job:
    """The job of one shard, with a digest of the caller's. folder: as in `context_of`."""
    return context_of(plan, folder).job(ShardSpecs(plan, lambda _: digest)[number])


def job_digests(plan: Plan) -> JobDigests:
    """The digest of every shard's job, computed from the plan's columns without making the jobs."""
    return JobDigests(_digests(plan, context_of(plan)))


def _digests(plan: Plan, context: JobContext) -> Iterator[str]:
    digests = _entry_digests(plan)
    for block in plan.blocks():
        passes = block.passes.astype("<i8")
        entries = np.take(digests, block.record, axis=0)
        for number, rows, samples in block.shards():
            used = plan.table[number] > 0
            yield context.digest(
                number, used, block.cell[rows], passes[rows], entries[rows].data, samples
            )


def _cell_digest(plan: Plan, inputs: Mapping[str, SourceInput], cell: PlannedCell) -> str:
    """Hexadecimal SHA-256 of all that makes a cell's samples from its entries."""
    source_input = inputs[cell.source]
    parts = {
        "source": cell.source,
        "dataset": [
            source_input.dataset,
            plugins.code_digest(plugins.DATASETS, source_input.dataset),
        ],
        "vocabulary": source_input.vocabulary,
        "task": [cell.task, plugins.code_digest(plugins.TASKS, cell.task)],
        "options": _options(plan, cell.task),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _options(plan: Plan, task: str) -> dict[str, Any]:
    """The options that decide what a task's samples look like; which are drawn, rows say."""
    found = options_of(plan.recipe.tasks, task)
    found.pop(BALANCE, None)
    return found


def _entry_digests(plan: Plan) -> NDArray[np.uint8]:
    """The digest of every entry of every source, one source after the other: uint8[entries, 32]."""
    digests = np.empty((sum(map(len, plan.indices.values())), SIZE), np.uint8)
    start = 0
    for index in plan.indices.values():
        for batch in index.facts.select(["digest"]).to_batches(CONVERTED_AT_ONCE):
            digits = batch.column(0).cast(pa.binary()).cast(pa.binary(2 * SIZE)).buffers()[1]
            part = digests[start : start + len(batch)]
            part[:] = np.frombuffer(binascii.unhexlify(digits), np.uint8).reshape(-1, SIZE)
            start += len(batch)
    return digests
