"""What a plan is silent about otherwise: files that are not there, parts left out, empty cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vbdata.errors import one_line
from vbdata.index.index import Index
from vbdata.planning.plan import Plan


def missing(index: Index) -> dict[str, int]:
    """How many records lack a file, by its role."""
    return _counted(pc.list_flatten(index.facts["missing"].combine_chunks()))


def left_out(index: Index) -> dict[str, int]:
    """How many parts of records are left out while the rest is used, by reason."""
    return _counted(_reasons(pc.list_flatten(index.facts["left_out"].combine_chunks())))


def losses(index: Index) -> Iterator[str]:
    """A sentence for each role of files that records lack, and each reason of parts left out."""
    yield from _lost_files(index)
    yield from _lost_parts(index)


def faults(index: Index) -> Iterator[str]:
    """A sentence for each reason for which records are faulty."""
    counts: dict[str, tuple[int, str]] = {}
    for entry in index.faults():
        reason, _, detail = entry.fault.partition(": ")
        count, first = counts.get(reason, (0, f"{entry.id}: {detail}"))
        counts[reason] = (count + 1, first)
    for reason, (count, first) in sorted(counts.items()):
        yield (
            f"{count} of {len(index)} records are faulty and not drawn: {reason} (such as "
            f"{one_line(first, 300)})"
        )


def empty_cells(plan: Plan) -> Iterator[str]:
    """A sentence for each cell that gets no sample of the build."""
    for cell in plan.cells:
        if not cell.count:
            yield (
                f"{cell.name}: gets none of the {plan.recipe.samples} samples: raise its weight or "
                "samples, or leave it out"
            )


def _lost_files(index: Index) -> Iterator[str]:
    roles = index.facts["missing"].combine_chunks()
    for role in missing(index):
        rows = _rows(roles, role)
        (first,) = index.entries(rows[:1])
        yield (
            f"{len(rows)} of {len(index)} records lack their {role} file (such as "
            f"{one_line(first.files[role].path, 200)}): no task that needs it draws them"
        )


def _lost_parts(index: Index) -> Iterator[str]:
    lines = index.facts["left_out"].combine_chunks()
    if not len(flat := pc.list_flatten(lines)):
        return
    reasons = _reasons(flat)
    records = pc.list_parent_indices(lines).to_numpy()
    for reason, count in left_out(index).items():
        hit = pc.equal(reasons, reason).to_numpy(zero_copy_only=False)
        rows = np.unique(records[hit])
        detail = flat[int(hit.argmax())].as_py().partition(": ")[2]
        name = index.facts["id"][int(rows[0])].as_py()
        yield (
            f"{count} annotations of {len(rows)} records are left out: {reason} (such as "
            f"{one_line(f'{name}: {detail}', 200)})"
        )


def _reasons(lines: pa.Array) -> pa.Array:
    """The reason of each line, which is what stands before its first ": "."""
    return pc.list_element(pc.split_pattern(lines, ": ", max_splits=1), 0)


def _counted(texts: pa.Array) -> dict[str, int]:
    """How often each text occurs, in the order of the texts."""
    return dict(sorted(Counter(texts.to_pylist()).items()))


def _rows(lists: object, value: str) -> np.ndarray:
    """The rows of a list column that have a value: int64[rows], ascending."""
    hit = pc.equal(pc.list_flatten(lists), value).to_numpy(zero_copy_only=False)
    return np.asarray(np.unique(pc.list_parent_indices(lists).to_numpy()[hit]), np.int64)
