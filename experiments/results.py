"""The scores of an experiment's runs, by arm, number of labelled scenes and seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.arms import PRETRAINING
from experiments.size import Size, task

SEEN = "seen"
MEDIAN_MAP = "median map"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a task, a column of the tables.

    key: its name in reports of `vbdata eval`; better: 1 where more is better, -1 where less is;
    digits: after the point.
    """

    task: str
    key: str
    title: str
    better: int
    digits: int = 3

    @property
    def titled(self) -> str:
        """The title with the direction that is better."""
        return f"{self.title} {'↑' if self.better > 0 else '↓'}"


METRICS = (
    Metric("depth", "absrel", "AbsRel", -1),
    Metric("depth", "delta1", "delta1", 1),
    Metric("normals", "mean", "normals, deg", -1, 1),
    Metric("semantic", "miou", "mIoU", 1),
    Metric("instance", "f1", "inst. F1", 1),
    Metric("instance", "pq", "inst. PQ", 1),
    Metric("refer", "ciou", "refer cIoU", 1),
)
PRIMARY = tuple(METRICS[k] for k in (0, 2, 3))  # what the headline's skill is made of
HEADLINE = (*PRIMARY, METRICS[4], METRICS[6])  # one of each task
ScoreRows = dict[str, dict[str, float | None]]  # row -> metric -> value


@dataclass
class Results:
    """The results of an experiment's folder, as far as it is finished.

    runs: result.json of each arm's run by (arm, labelled, seed); rows: of the trivial answers and
    the ceiling, by (source, task).
    """

    out: Path
    experiment: dict[str, Any]
    size: Size
    rows: dict[tuple[str, str], ScoreRows] = field(default_factory=dict)
    runs: dict[tuple[str, int, int], dict[str, Any]] = field(default_factory=dict)

    def value(self, run: dict[str, Any], metric: Metric, source: str = SEEN) -> float | None:
        """A run's score on a source; None if it is undefined or was not measured."""
        for cell in run["scores"]["results"]:
            if (cell["source"], cell["task"]) == (source, task(metric.task)):
                score: float | None = cell["rows"][0]["metrics"][metric.key]
                return score
        return None

    def of_arm(
        self, arm: str, labelled: int, metric: Metric, source: str = SEEN
    ) -> dict[int, float]:
        """Seed -> score of an arm with a number of labelled scenes."""
        by_seed = {}
        for run in self._seeds(arm, labelled):
            value = self.value(run, metric, source)
            if value is not None:
                by_seed[int(run["run"]["seed"])] = value
        return by_seed

    def skill(self, arm: str, labelled: int) -> dict[int, float]:
        """Seed -> skill: the mean of `way` over the primary metrics."""
        by_seed = {}
        for run in self._seeds(arm, labelled):
            parts = [self.way(self.value(run, metric), metric) for metric in PRIMARY]
            by_seed[int(run["run"]["seed"])] = sum(parts) / len(parts)
        return by_seed

    def way(self, value: float | None, metric: Metric) -> float:
        """A score on the scale from the best trivial row, 0, to the ceiling, 1; None is 0."""
        low, high = self.best_trivial(metric)[1], self.ceiling(metric)
        return ((low if value is None else value) - low) / (high - low)

    def best_trivial(self, metric: Metric, source: str = SEEN) -> tuple[str, float]:
        """(name, score) of the best trivial row, which needs no model."""
        rows = self.rows[source, task(metric.task)]
        named = [(name, row[metric.key]) for name, row in rows.items() if name != "ceiling"]
        known = [(name, value) for name, value in named if value is not None]
        return max(known, key=lambda one: metric.better * one[1])

    def ceiling(self, metric: Metric, source: str = SEEN) -> float:
        """The score of the test build's own targets as answers."""
        value = self.rows[source, task(metric.task)]["ceiling"][metric.key]
        assert value is not None, "a target scores itself"
        return value

    def _seeds(self, arm: str, labelled: int) -> Iterator[dict[str, Any]]:
        for (of, n, _), run in sorted(self.runs.items()):
            if (of, n) == (arm, labelled):
                yield run


def load(out: Path) -> Results:
    """Read an experiment's folder. Raises FileNotFoundError where nothing has been run."""
    experiment = json.loads((out / "experiment.json").read_text())
    size = Size.model_validate(experiment["size"])
    size = size.model_copy(update={"labelled": sorted(size.labelled)})
    results = Results(out, experiment, size)
    baselines = json.loads((out / "baselines.json").read_text())
    for cell in baselines["results"]:
        rows = {row["name"]: row["metrics"] for row in cell["rows"]}
        results.rows[cell["source"], cell["task"]] = rows
    for cell in json.loads((out / "median_map.json").read_text())["results"]:
        rows = results.rows[cell["source"], cell["task"]]
        results.rows[cell["source"], cell["task"]] = {MEDIAN_MAP: cell["rows"][0]["metrics"]} | rows
    for file in sorted((out / "runs").glob("*/result.json")):
        run = json.loads(file.read_text())
        of = run["run"]
        if of["arm"] != PRETRAINING:
            results.runs[of["arm"], of["labelled"], of["seed"]] = run
    return results
