"""An honest count: how many rows the official set has, how many a build has, and why not all.

It is written beside the plan when a benchmark is built (`plan/benchmark.json`), since only the plan
knows which records were never asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from vbdata.bench.facts import Benchmark, Size
from vbdata.core.types import Cell
from vbdata.engine.progress import Progress, Watcher
from vbdata.errors import BadSample, BuildError
from vbdata.index.index import Index
from vbdata.layout import PLAN_FOLDER, QUARANTINE
from vbdata.planning.filters import filtered
from vbdata.planning.names import unmatched
from vbdata.planning.plan import Plan, PlannedCell
from vbdata.planning.refusals import refused_rows
from vbdata.storage.folder import Folder

COUNT = f"{PLAN_FOLDER}/benchmark.json"
CHOOSES = "only"  # the filter that says what a benchmark is: what it bars is no part of it
MOST_NAMED = 1000  # records of one cause


class Lost(NamedTuple):
    """A row that could not be built. position: of its slot in the whole build, from 0."""

    sample_id: str
    reason: str
    position: int


class Counting(Watcher):
    """Watches a build for its plan, and passes everything on to `inner`."""

    def __init__(self, inner: Watcher) -> None:
        self._inner = inner
        self.plan: Plan | None = None

    def planned(self, plan: Plan) -> None:
        """Keep the plan."""
        self.plan = plan
        self._inner.planned(plan)

    def step(self, state: Progress) -> None:
        """Pass the progress of the build on."""
        self._inner.step(state)


def write_count(benchmark: Benchmark, plan: Plan, out: Folder, digest: str) -> dict[str, Any]:
    """Count a finished build against the official set, write that beside its plan, return it.

    digest: of its manifest, by which a count of an earlier state is told.
    """
    lost, built = _quarantined(out), {cell.source for cell in plan.cells}
    counted = {
        "benchmark": benchmark.name,
        "build": digest,
        "sources": [
            *(_source(benchmark, plan, cell, lost) for cell in plan.cells),
            *(_unbuilt(name, size) for name, size in benchmark.size.items() if name not in built),
        ],
    }
    out.write(COUNT, (json.dumps(counted, indent=1) + "\n").encode())
    return counted


def count_of(out: Folder, digest: str) -> dict[str, Any]:
    """What `write_count` wrote of a build of this digest. Raises BuildError if there is none."""
    try:
        counted: dict[str, Any] = json.loads(out.read(COUNT))
        if counted["build"] != digest:
            raise BuildError(
                f"{out.url}: {COUNT} is of another build; run vbdata bench build again"
            )
    except (BadSample, OSError, ValueError, KeyError, TypeError) as err:
        raise BuildError(f"{out.url}: no {COUNT}; vbdata bench build writes it") from err
    return counted


def missing_rows(counted: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each source of a count that is not the official set."""
    for line in counted["sources"]:
        official = line["official"]
        if official is None:
            yield f"{line['source']}: {line['built']} rows; nobody states the official number"
        elif official != line["built"]:
            why = "; ".join(f"{each['records']} {each['why']}" for each in line["absent"])
            yield f"{line['source']}: {line['built']} of {official} rows; {why or 'not listed'}"


def _source(
    benchmark: Benchmark, plan: Plan, cell: PlannedCell, lost: Mapping[Cell, Sequence[Lost]]
) -> dict[str, Any]:
    index = plan.indices[cell.source]
    size = benchmark.size.get(cell.source)
    votes = plan.recipe.votes
    damaged = lost.get((cell.source, cell.task), [])
    rows = cell.count // votes
    # cells and the votes of a query stand one after the other, so a key says whose row it was
    first = sum(each.count for each in takewhile(lambda each: each is not cell, plan.cells))
    absent = [*_absent(plan, index, cell), *_damaged(damaged)]
    line = {
        "source": cell.source,
        "task": cell.task,
        "official": size.rows if size else None,
        "official_records": size.records if size else None,
        "records": len(cell.rows),
        "planned": rows,
        "built": rows - len({(row.position - first) // votes for row in damaged}),
        "absent": absent,
    }
    if size and size.records is not None:
        named = sum(each["records"] for each in absent if each["stage"] != "build")
        if (unseen := size.records - len(cell.rows) - named) > 0:
            line["absent"] = [
                *absent,
                {"why": "are not in the folder", "stage": "folder", "records": unseen, "names": []},
            ]
    return line


def _unbuilt(name: str, size: Size) -> dict[str, Any]:
    """The line of a source that was left out of the build as a whole."""
    why = {"why": "of a source that was not built", "stage": "source", "records": size.rows or 0}
    return {
        "source": name,
        "task": "",
        "official": size.rows,
        "official_records": size.records,
        "records": 0,
        "planned": 0,
        "built": 0,
        "absent": [{**why, "names": []}],
    }


def _absent(plan: Plan, index: Index, cell: PlannedCell) -> Iterator[dict[str, Any]]:
    """Records that the index or a frame list names and no row is planned for, by cause."""
    picked = index.source.filters.only
    if picked is not None:
        lines = unmatched(picked, index.facts).values()
        listed = sorted({name for names in lines for name in names})
        if listed:
            yield _line("are named in the frame list and not there", "list", listed)
    barred = {key: mask for key, mask in filtered(index).items() if key != CHOOSES}
    chosen = ~filtered(index).get(CHOOSES, np.zeros(len(index), np.bool_))
    ids = index.facts["id"]
    for why, mask in refused_rows(index, cell.task, plan.recipe.image, barred, enumerated=True):
        if (mine := mask & chosen).any():
            yield _line(why, "index", ids.filter(pa.array(mine)).to_pylist())


def _line(why: str, stage: str, names: list[str]) -> dict[str, Any]:
    return {"why": why, "stage": stage, "records": len(names), "names": names[:MOST_NAMED]}


def _damaged(rows: Sequence[Lost]) -> Iterator[dict[str, Any]]:
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        by_reason.setdefault(row.reason, []).append(row.sample_id)
    for reason, names in sorted(by_reason.items()):
        yield _line(f"damaged: {reason}", "build", sorted(set(names)))


def _quarantined(out: Folder) -> dict[Cell, list[Lost]]:
    """The rows that could not be built, by source and task."""
    lost: dict[Cell, list[Lost]] = {}
    for text in out.read(QUARANTINE).decode().splitlines():
        line = json.loads(text)
        if line["stage"] != "index":
            row = Lost(line["sample_id"], line["reason"], int(line["key"]))
            lost.setdefault((line["source"], line["task"]), []).append(row)
    return lost
