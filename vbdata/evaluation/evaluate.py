"""Score answers against a build: every cell's metrics beside its trivial rows and its ceiling.

    report = evaluate(BuildTruth(Folder("out")), PredictionFolder("predictions"))

Answers come from a folder, from a function of a sample's key, or as (key, rgb) pairs in any order;
each is decoded by its task's own decoder and compared with the truth in one pass. A sample without
an answer that can be read is left out of all rows, so that a cell's rows always speak of the same
samples. Samples are taken in pieces of 64 whose sums are merged in order: any number of worker
processes gives the same bits. Meters keep sums, never images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from vbdata.core import images
from vbdata.core.types import Cell
from vbdata.errors import RecipeError
from vbdata.evaluation.metrics.classes import ClassesMeter
from vbdata.evaluation.metrics.depth import DepthMeter
from vbdata.evaluation.metrics.images import ImagesMeter
from vbdata.evaluation.metrics.instances import InstancesMeter
from vbdata.evaluation.metrics.meter import Meter
from vbdata.evaluation.metrics.normals import NormalsMeter
from vbdata.evaluation.metrics.regions import RegionsMeter
from vbdata.evaluation.pieces import mapped, pieces
from vbdata.evaluation.predictions import (
    Answered,
    Answers,
    Fault,
    PredictionFolder,
    as_given,
    by_key,
    label_of,
    stretched,
)
from vbdata.evaluation.priors import LEARNT, DepthPrior, Prior, fold_of, simple_answers
from vbdata.evaluation.protocols import Protocol, protocols
from vbdata.evaluation.report import Report, assembled
from vbdata.evaluation.truth import BuildTruth, Row, Truth, kind_of
from vbdata.evaluation.truth_raw import RawTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """How to score. align, crop, max_depth: of depth; None: what the data set's protocol says.

    trivial: whether to answer without a model too; tasks: only these; limit: only the first
    samples; roots: source -> raw data, for depth and normals that are not quantised; workers:
    processes.
    """

    align: str = "none"
    crop: str | None = None
    max_depth: float | None = None
    trivial: bool = True
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    roots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    workers: int = 1


@dataclass
class Scores:
    """What some samples add up to. meters: by cell and row, in order of first appearance."""

    meters: dict[tuple[Cell, str], Meter] = field(default_factory=dict)
    counts: Counter[tuple[Cell, str]] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def merge(self, later: Scores) -> None:
        """Take up the samples that come after these."""
        for name, meter in later.meters.items():
            if name in self.meters:
                self.meters[name].merge(meter)
            else:
                self.meters[name] = meter
        self.counts += later.counts
        self.faults += later.faults


@dataclass(frozen=True)
class Bench:
    """All that scoring one sample needs; goes to worker processes once."""

    build: BuildTruth
    raw: RawTruth
    protocols: Mapping[str, Protocol]
    folds: Mapping[Cell, tuple[str, list[str]]]
    trivial: bool
    priors: Mapping[Cell, Prior] = field(default_factory=dict)

    def fold(self, row: Row) -> int:
        """The fold that a sample is answered in."""
        by, names = self.folds[row.source, row.task]
        return fold_of(names, row.group if by == "group" else row.sample_id)

    def prior(self, row: Row) -> Any:
        """What a cell's trivial answers know before they have seen a sample."""
        kind = kind_of(row.task)
        if kind == "depth":
            return DepthPrior(self.protocols[row.dataset].max_depth)
        return LEARNT[kind]()

    def meter(self, row: Row) -> Meter:
        """An empty meter for a sample's kind."""
        kind = kind_of(row.task)
        if kind == "depth":
            protocol = self.protocols[row.dataset]
            return DepthMeter(protocol.max_depth, protocol.shares, protocol.align)
        kinds: dict[str, Callable[[], Meter]] = {
            "normals": NormalsMeter,
            "classes": ClassesMeter,
            "instances": InstancesMeter,
            "regions": RegionsMeter,
            "image": ImagesMeter,
        }
        return kinds[kind]()


def evaluate(
    build: BuildTruth, answers: Answers | None = None, options: EvaluationOptions | None = None
) -> Report:
    """Score answers; without any, only the trivial rows and the ceiling of the whole build.

    Raises RecipeError for options that cannot be, BuildError or BadSample for a damaged build.
    """
    how = options or EvaluationOptions()
    keys = build.chosen(how.tasks)[: how.limit]
    known = protocols({dataset for _, dataset, _ in build.cells()}, how)
    if how.workers > 1 and answers is not None and not isinstance(answers, PredictionFolder):
        raise RecipeError(["several workers need a folder of predictions"])
    raw = RawTruth(build, how.roots, keys)
    bench = Bench(build, raw, known, build.folds(), how.trivial)
    if how.trivial:
        bench = replace(bench, priors=_learnt(bench, keys, how.workers))
    scores = Scores()
    if answers is None or callable(answers):
        score = partial(_score_keys, answers=answers)
        for part in mapped(score, bench, pieces(keys), how.workers):
            scores.merge(part)
    else:
        for piece in pieces(as_given(answers, keys)):
            scores.merge(_score(bench, piece))
    if isinstance(answers, PredictionFolder):
        scores.faults += answers.faults(build.keys)
    return assembled(build, known, scores, len(keys), answers is not None, raw)


def _learnt(bench: Bench, keys: list[str], workers: int) -> dict[Cell, Prior]:
    """What each cell's trivial answers know."""
    priors: dict[Cell, Any] = {}
    for part in mapped(_learn, bench, pieces(keys), workers):
        for cell, prior in part.items():
            if cell in priors:
                priors[cell].merge(prior)
            else:
                priors[cell] = prior
    return priors


def _learn(bench: Bench, keys: list[str]) -> dict[Cell, Any]:
    priors: dict[Cell, Any] = {}
    for key in keys:
        row = bench.build.row(key)
        if kind_of(row.task) in LEARNT:
            cell = (row.source, row.task)
            prior = priors.setdefault(cell, bench.prior(row))
            prior.add(bench.raw.sharpened(bench.build.read(key)), bench.fold(row))
    return priors


def _score_keys(bench: Bench, keys: list[str], answers: Any) -> Scores:
    if answers is None:
        return _score(bench, ((key, None) for key in keys))
    return _score(bench, by_key(answers, keys))


def _score(bench: Bench, answered: Iterable[Answered | tuple[str, None]]) -> Scores:
    scores = Scores()
    for key, answer in answered:
        if isinstance(answer, Fault):
            scores.faults.append(answer)
            if key in bench.build and answer.cause in ("missing", "unreadable"):
                row = bench.build.row(key)
                scores.counts[(row.source, row.task), answer.cause] += 1
        else:
            _score_one(bench, bench.build.row(key), answer, scores)
    return scores


def _score_one(bench: Bench, row: Row, answer: images.Pixels | None, scores: Scores) -> None:
    cell = (row.source, row.task)
    scores.counts[cell, "scored"] += 1
    if answer is not None:
        size = (row.geometry.height, row.geometry.width)
        scores.counts[cell, "resized"] += answer.shape[:2] != size
        fault = stretched(answer, row)
        if fault:
            scores.counts[cell, "stretched"] += 1
            scores.faults.append(fault)
    if kind_of(row.task) == "generated":
        return
    truth = bench.raw.sharpened(bench.build.read(row.key))
    for name, label in _rows(bench, truth, answer):
        meter = scores.meters.setdefault((cell, name), bench.meter(row))
        meter.add(truth.label, label, row.geometry)
        scores.counts[cell, f"row {name}"] += 1


def _rows(bench: Bench, truth: Truth, answer: images.Pixels | None) -> Iterator[tuple[str, Any]]:
    """The model's answer, the trivial ones, and the target's own, by the name of their row."""
    row = truth.row
    if answer is not None:
        yield "prediction", label_of(row, answer)
    if bench.trivial:
        prior = bench.priors.get((row.source, row.task))
        if prior is not None:
            yield from prior.answers(truth, bench.fold(row))
        yield from simple_answers(kind_of(row.task), truth)
        yield "copied input", label_of(row, truth.input())
    yield "ceiling", label_of(row, truth.target)
