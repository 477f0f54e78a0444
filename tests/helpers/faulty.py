"""Recipes over tests/helpers/readers/faulty.py, and builds that are watched."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from vbdata.engine.progress import Progress, Watcher
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.run.events import Failed, Retried
from vbdata.run.how import How

TEXT = """
name: faulty
seed: 5
samples: {samples}
shard_size: {size}
max_bad: 0.5
sources:
  tiny:
    dataset: tests.helpers.readers.faulty
    root: {root}
    records: {records}
    burden: {burden}
    tasks: {{generate: 1}}
"""


def faulty(
    folder: Path,
    faults: Mapping[int, tuple[str, str]],
    *,
    samples: int = 40,
    size: int = 5,
    records: int = 40,
    burden: int = 0,
) -> Recipe:
    """A recipe over tiny records in a new folder, some of them with a fault (and a marker)."""
    folder.mkdir(exist_ok=True)
    (folder / "faults.json").write_text(json.dumps({str(k): v for k, v in faults.items()}))
    text = TEXT.format(samples=samples, size=size, root=folder, records=records, burden=burden)
    return parse_recipe(text, "faulty.yaml", folder, {})


def happened(folder: Path) -> list[str]:
    """What the records of a recipe's folder have done so far: "what id" each time."""
    told = folder / "happened.txt"
    return told.read_text().splitlines() if told.exists() else []


class HangingTime:
    """Seconds that pass only while there is nobody at work but who hangs.

    So no worker that is slow, or that a busy machine keeps waiting, is ever taken for dead. The
    first look at this clock is late enough for workers to be asked for their heartbeats; a dozen
    more, a second or so each for their answers, are the patience of a build.
    """

    def __init__(self, hanging: Callable[[], bool]) -> None:
        self._hanging, self._seconds, self._since = hanging, 0.0, 0.0

    def __call__(self) -> float:
        patience = How().patience_s
        if not self._hanging():
            self._since = self._seconds
        elif self._seconds == self._since:
            self._seconds += 0.4 * patience
        else:
            self._seconds += 0.05 * patience
        return self._seconds


class Listener(Watcher):
    """Keeps what went wrong."""

    def __init__(self) -> None:
        self.retried: list[Retried] = []
        self.failed: list[Failed] = []

    def step(self, state: Progress) -> None:
        if isinstance(state.event, Retried):
            self.retried.append(state.event)
        if isinstance(state.event, Failed):
            self.failed.append(state.event)


def in_shards(out: Path) -> list[list[int]]:
    """The numbers of the records of each shard of a build."""
    found: dict[int, list[int]] = {}
    for row in pq.read_table(out / "manifest" / "train.parquet").to_pylist():
        found.setdefault(row["shard"], []).append(int(row["sample_id"]))
    return [found[shard] for shard in sorted(found)]
