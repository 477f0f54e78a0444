"""From a plan to jobs: each one holds all that decides its shard's bytes, and its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vbdata import plugins
from vbdata.nouns import Entry, Job, Row
from vbdata.plan import Plan
from vbdata.prompts import prompt_digest

DIGEST_LENGTH = 8  # hex digits of the build's digest in the shards' path


def build_digest(digests: Sequence[str]) -> str:
    """SHA-256 over the digests of all jobs: the name of exactly these bytes."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def job_digests(plan: Plan) -> list[str]:
    """The digest of every shard's job, without building the jobs."""
    return [_digest(plan, number) for number in range(plan.shards)]


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
    for c in np.unique(part["cell"]):
        at = np.flatnonzero(part["cell"] == c)
        found = plan.indices[plan.cells[c].source].entries(part["row"][at])
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


def _digest(plan: Plan, number: int) -> str:
    """SHA-256 of a shard's rows by entry content, of the code that makes them, and the settings."""
    recipe, part = plan.recipe, plan.shard(number)
    digest = hashlib.sha256()
    used = [plan.cells[c] for c in np.unique(part["cell"])]
    dataset_of = {s.name: s.dataset for s in recipe.sources}
    head = {
        "engine": plugins.engine_digest(),
        "prompts": prompt_digest(),
        "tasks": {c.task: plugins.code_digest(plugins.TASKS, c.task) for c in used},
        "datasets": {
            c.source: [
                dataset_of[c.source],
                plugins.code_digest(plugins.DATASETS, dataset_of[c.source]),
            ]
            for c in used
        },
        "vocabulary": {c.source: plan.indices[c.source].vocabulary for c in used},
        "options": {c.task: recipe.tasks.get(c.task, {}) for c in used},
        "seed": recipe.seed,
        "image": recipe.image.model_dump(),
        "first": number * recipe.shard_size,
        "digits": key_digits(recipe.samples),
    }
    digest.update(json.dumps(head, sort_keys=True).encode())
    for line in _lines(plan, part):
        digest.update(line.encode())
    return digest.hexdigest()


def _lines(plan: Plan, part: dict[str, Any]) -> Iterator[str]:
    facts = {name: index.facts["digest"] for name, index in plan.indices.items()}
    for slot, c, row, pass_ in zip(
        part["slot"], part["cell"], part["row"], part["pass"], strict=True
    ):
        cell = plan.cells[c]
        entry = facts[cell.source][int(row)].as_py()
        yield f"\n{slot} {cell.source} {cell.task} {pass_} {entry}"
