"""The mixture in numbers: what was requested of each cell, what is planned, what a build has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core.members import FACTS, INSTRUCTION
from vbdata.core.rng import word_of
from vbdata.errors import one_line
from vbdata.jobs.job import Receipt
from vbdata.planning.filters import oddities
from vbdata.planning.namesakes import namesakes
from vbdata.planning.plan import Plan
from vbdata.planning.warnings import empty_cells, faults, losses
from vbdata.recipe.licences import commercial


class Tally:
    """Adds up receipts, from which the counts of the manifest follow.

    realised, quarantined, replaced: by cell, (source, task); reasons: quarantined rows by reason;
    causes: these by (source, reason), with the first row of each as an example;
    members: how many samples have each, by extension;
    licenses: samples by (licence, source); errors: by task, (count, sum, largest) of the errors of
    decoding, in the task's unit; shortfall: rows without a sample; bytes: of all tars. Memory does
    not grow with the samples: 8 bytes an entry of the index, and one for each cell it is in.
    """

    def __init__(self, plan: Plan) -> None:
        self._words = {name: np.sort(index.words) for name, index in plan.indices.items()}
        self._seen: dict[tuple[str, str], NDArray[np.bool_]] = {}
        self.realised: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[tuple[str, str]] = Counter()
        self.replaced: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[str] = Counter()
        self.causes: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {}
        self.members: Counter[str] = Counter()
        self.licenses: Counter[tuple[str, str]] = Counter()
        self.errors: dict[str, tuple[int, float, float]] = {}
        self.shortfall = 0
        self.bytes = 0

    def add(self, receipt: Receipt) -> None:
        """Add the receipt of one finished shard."""
        filled = {sample["key"] for sample in receipt.samples}
        for sample in receipt.samples:
            cell = (sample["source"], sample["task"])
            self.realised[cell] += 1
            self._see(cell, sample["sample_id"])
            count, total, largest = self.errors.get(sample["task"], (0, 0.0, 0.0))
            error = sample["roundtrip_error"]
            self.errors[sample["task"]] = (count + 1, total + error, max(largest, error))
            self.licenses[sample["license"], sample["source"]] += 1
            self.members.update((*sample["pictures"], INSTRUCTION, FACTS))
        for line in receipt.quarantine:
            self.quarantined[line["source"], line["task"]] += 1
            self.reasons[line["reason"]] += 1
            cause = (line["source"], line["reason"])
            count, first = self.causes.get(cause, (0, line))
            self.causes[cause] = (count + 1, first)
        for key, cell in {q["key"]: (q["source"], q["task"]) for q in receipt.quarantine}.items():
            self.replaced[cell] += key in filled
        self.shortfall += len(receipt.shortfall)
        self.bytes += receipt.size

    def roundtrip(self) -> dict[str, dict[str, Any]]:
        """By task: unit, tolerance, and largest and mean error of decoding its targets."""
        return {
            name: {
                "unit": plugins.task(name).UNIT,
                "tolerance": plugins.task(name).TOLERANCE,
                "largest": largest,
                "mean": round(total / count, 9),
            }
            for name, (count, total, largest) in sorted(self.errors.items())
        }

    def license_lines(self) -> list[dict[str, Any]]:
        """A line a licence: samples in all and by source, and whether commercial use is allowed."""
        return [
            {
                "license": name,
                "commercial": commercial(name),
                "samples": sum(n for (of, _), n in self.licenses.items() if of == name),
                "sources": {s: n for (of, s), n in sorted(self.licenses.items()) if of == name},
            }
            for name in sorted({name for name, _ in self.licenses})
        ]

    def unique(self, cell: tuple[str, str]) -> int:
        """How many distinct records a cell's samples were made of."""
        return int(self._seen[cell].sum()) if cell in self._seen else 0

    def causes_in_words(self) -> str:
        """Why rows are quarantined: counts by source and reason, each with an example."""
        ordered = sorted(self.causes.items(), key=lambda item: (-item[1][0], item[0]))
        return "; ".join(
            f"{source}: {count} {reason} (such as {one_line(_example(line), 300)})"
            for (source, reason), (count, line) in ordered
        )

    def _see(self, cell: tuple[str, str], sample_id: str) -> None:
        words = self._words[cell[0]]
        if cell not in self._seen:
            self._seen[cell] = np.zeros(len(words), np.bool_)
        self._seen[cell][np.searchsorted(words, np.uint64(word_of(sample_id)))] = True


def _example(line: Mapping[str, Any]) -> str:
    """A quarantined row in words: its record, its file and what was found."""
    file = f" [{line['file']}]" if line["file"] else ""
    return f"{line['sample_id']}{file}: {line['detail']}"


def cell_lines(plan: Plan, tally: Tally | None = None) -> Iterator[dict[str, Any]]:
    """The mixture, a line a cell: requested, planned and, with a tally, realised samples.

    Shares and passes are strings with a fixed number of decimals.
    """
    # of an enumerated build the counts are the weights: nothing was asked for by share
    by_count = bool(plan.recipe.votes)
    weights = [Fraction(cell.count) if by_count else cell.weight for cell in plan.cells]
    total = sum(weights, Fraction(0))
    for c, (cell, weight) in enumerate(zip(plan.cells, weights, strict=True)):
        key = (cell.source, cell.task)
        line: dict[str, Any] = {
            "source": cell.source,
            "task": cell.task,
            "requested": f"{float(weight / total * plan.recipe.samples):.4f}",
            "share": f"{float(weight / total):.6f}",
            "apportioned": cell.count,
            "eligible": len(cell.rows),
            "unique": (unique := plan.unique(c)),
            "repeated": cell.count - unique,
            "passes": hundredths(cell.passes),
        }
        if tally is not None:
            line |= {
                "unique": tally.unique(key),
                "repeated": tally.realised[key] - tally.unique(key),
                "passes": hundredths(Fraction(tally.realised[key], len(cell.rows))),
                "realised": tally.realised[key],
                "quarantined": tally.quarantined[key],
                "replaced": tally.replaced[key],
            }
        yield line


def warnings(plan: Plan) -> list[str]:
    """What a plan has that its maker may not expect, a sentence each.

    Records that are faulty or lack files, annotations that are left out, then what
    `mixture_warnings` finds.
    """
    lost = [
        f"{name}: {text}"
        for name, index in plan.indices.items()
        for text in (*faults(index), *losses(index))
    ]
    return [*lost, *mixture_warnings(plan)]


def mixture_warnings(plan: Plan) -> list[str]:
    """A sentence for each cell without samples, or whose records are used more than max_passes.

    Then for each list file of filters with lines that name no record; last, for each source with
    records that are named as held-out pictures, and are not held out.
    """
    most = plan.recipe.max_passes
    often = [
        f"{cell.name}: {hundredths(cell.passes)} passes over {len(cell.rows)} samples, more than "
        f"max_passes = {most}: lower its weight or samples, add data, let exhaustion be "
        "'redistribute', or raise max_passes"
        for cell in plan.cells
        if cell.passes > Fraction(most) * cell.turns and not plan.recipe.votes
    ]
    return [*empty_cells(plan), *often, *oddities(plan.indices), *namesakes(plan)]


def hundredths(number: Fraction) -> str:
    """A number >= 0 as text with two decimals, rounded exactly, half to even."""
    whole, rest = divmod(round(number * 100), 100)
    return f"{whole}.{rest:02d}"
