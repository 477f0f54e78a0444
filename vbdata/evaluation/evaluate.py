"""Score answers against a build: each cell's metrics beside its trivial rows and its ceiling.

    report = evaluate(BuildTruth(Folder("out")), PredictionFolder("predictions"))

Answers come from a folder, from a function of a sample's key, or as (key, rgb) pairs in any order.
Each is decoded by its task's own decoder and compared with the truth in one pass. A sample without
a readable answer is left out of all rows, so that the rows of a cell are always over the same
samples. Samples are taken in pieces of 64 whose sums are merged in order: any number of worker
processes gives the same bits. Memory holds sums, never images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from vbdata.core import images
from vbdata.core.types import Cell
from vbdata.errors import RecipeError
from vbdata.evaluation.metrics.boxes import BoxesMeter
from vbdata.evaluation.metrics.classes import ClassesMeter
from vbdata.evaluation.metrics.depth import DepthMeter
from vbdata.evaluation.metrics.flow import FlowMeter
from vbdata.evaluation.metrics.foreground import ForegroundMeter
from vbdata.evaluation.metrics.images import ImagesMeter
from vbdata.evaluation.metrics.instances import InstancesMeter
from vbdata.evaluation.metrics.keypoints import KeypointsMeter
from vbdata.evaluation.metrics.linear import LinearMeter
from vbdata.evaluation.metrics.mattes import MatteMeter
from vbdata.evaluation.metrics.meter import Meter
from vbdata.evaluation.metrics.normals import NormalsMeter
from vbdata.evaluation.metrics.panoptic import PanopticMeter
from vbdata.evaluation.metrics.regions import RegionsMeter
from vbdata.evaluation.metrics.relative import RelativeMeter
from vbdata.evaluation.pieces import map_in_order, pieces
from vbdata.evaluation.predictions import (
    Answered,
    Answers,
    Fault,
    PredictionFolder,
    from_function,
    from_pairs,
    label_of,
    stretched,
)
from vbdata.evaluation.priors import LEARNT, DepthPrior, Prior, constant_answers, fold_of
from vbdata.evaluation.protocols import DepthProtocol, protocols
from vbdata.evaluation.report import Report, make_report
from vbdata.evaluation.scores import Scores, merge_by_key
from vbdata.evaluation.truth import BuildTruth, Row, Truth, kind_of
from vbdata.evaluation.truth_raw import RawTruth


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """How to score.

    align ("none", "median", "least-squares"), crop (a name of `crops()`), max_depth (metres): of
    depth; None is what the dataset's benchmark does. trivial: whether to score answers that need no
    model, too; tasks: only these, all if empty; limit: only so many samples, the first ones; roots:
    source -> where its raw data lies, for depth and normals that are not quantised; workers: how
    many processes.
    """

    align: str = "none"
    crop: str | None = None
    max_depth: float | None = None
    trivial: bool = True
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    roots: Mapping[str, Sequence[str]] = field(default_factory=dict)
    workers: int = 1


@dataclass(frozen=True)
class ScoringContext:
    """All that scoring a sample needs besides its answer; sent to each worker process once."""

    build: BuildTruth
    raw: RawTruth
    protocols: Mapping[str, DepthProtocol]
    folds: Mapping[Cell, tuple[str, list[str]]]
    trivial: bool
    priors: Mapping[Cell, Prior] = field(default_factory=dict)

    def fold(self, row: Row) -> int:
        """The fold of a sample, 0 to 7; its trivial answers are learnt from the other folds."""
        by, names = self.folds[row.source, row.task]
        return fold_of(names, row.group if by == "group" else row.sample_id)

    def prior(self, row: Row) -> Any:
        """An empty prior for a sample's kind: what its cell's trivial answers are learnt into."""
        kind = kind_of(row.task)
        if kind == "depth":
            return DepthPrior(self.protocols[row.dataset].max_depth)
        return LEARNT[kind]()

    def meter(self, row: Row) -> Meter:
        """An empty meter for a sample's kind; of depth, with its dataset's protocol."""
        kind = kind_of(row.task)
        if kind == "depth":
            protocol = self.protocols[row.dataset]
            return DepthMeter(protocol.max_depth, protocol.shares, protocol.align)
        if kind == "relative_depth":
            return RelativeMeter(str(row.params.get("space", "inverse")))
        kinds: dict[str, Callable[[], Meter]] = {
            "normals": NormalsMeter,
            "classes": ClassesMeter,
            "instances": InstancesMeter,
            "regions": RegionsMeter,
            "boxes": BoxesMeter,
            "panoptic": PanopticMeter,
            "flow": FlowMeter,
            "keypoints": KeypointsMeter,
            "matte": MatteMeter,
            "foreground": ForegroundMeter,
            "albedo": LinearMeter,
            "shading": partial(LinearMeter, None),
            "image": ImagesMeter,
        }
        return kinds[kind]()


def evaluate(
    build: BuildTruth, answers: Answers | None = None, options: EvaluationOptions | None = None
) -> Report:
    """Score answers, each uint8 RGB [H, W, 3], and return the report (docs/metrics.md).

    answers: a folder, a function of a sample's key, or (key, rgb) pairs in any order; without any,
    the report has only the trivial rows and the ceiling of the whole build. Answers that are
    missing or wrong are counted in the report, not raised. Raises RecipeError for options that
    cannot be, BuildError or BadSample if the build is damaged.
    """
    options = options or EvaluationOptions()
    keys = build.keys_of(options.tasks)[: options.limit]
    by_dataset = protocols({dataset for _, dataset, _ in build.cells()}, options)
    if options.workers > 1 and answers is not None and not isinstance(answers, PredictionFolder):
        raise RecipeError(
            [f"workers is {options.workers}, but several workers need a folder of predictions"]
        )
    raw = RawTruth(build, options.roots, keys)
    context = ScoringContext(build, raw, by_dataset, build.folds(), options.trivial)
    if options.trivial:
        context = replace(context, priors=_learnt(context, keys, options.workers))
    scores = Scores()
    if answers is None or callable(answers):
        score = partial(_score_keys, answers=answers)
        for part in map_in_order(score, context, pieces(keys), options.workers):
            scores.merge(part)
    else:
        for piece in pieces(from_pairs(answers, keys)):
            scores.merge(_score(context, piece))
    if isinstance(answers, PredictionFolder):
        scores.faults += answers.faults(build.keys)
    return make_report(build, by_dataset, scores, len(keys), answers is not None, raw)


def _learnt(context: ScoringContext, keys: list[str], workers: int) -> dict[Cell, Prior]:
    """What the trivial answers of each cell have learnt from its targets."""
    priors: dict[Cell, Any] = {}
    for part in map_in_order(_learn, context, pieces(keys), workers):
        merge_by_key(priors, part)
    return priors


def _learn(context: ScoringContext, keys: list[str]) -> dict[Cell, Any]:
    priors: dict[Cell, Any] = {}
    for key in keys:
        row = context.build.row(key)
        if kind_of(row.task) in LEARNT:
            cell = (row.source, row.task)
            prior = priors.setdefault(cell, context.prior(row))
            prior.add(context.raw.with_raw_label(context.build.read(key)), context.fold(row))
    return priors


def _score_keys(context: ScoringContext, keys: list[str], answers: Any) -> Scores:
    if answers is None:
        return _score(context, ((key, None) for key in keys))
    return _score(context, from_function(answers, keys))


def _score(context: ScoringContext, answered: Iterable[Answered | tuple[str, None]]) -> Scores:
    scores = Scores()
    for key, answer in answered:
        if isinstance(answer, Fault):
            scores.faults.append(answer)
            if key in context.build and answer.cause in ("missing", "unreadable"):
                row = context.build.row(key)
                scores.counts[(row.source, row.task), answer.cause] += 1
        else:
            _score_one(context, context.build.row(key), answer, scores)
    return scores


def _score_one(
    context: ScoringContext, row: Row, answer: images.Pixels | None, scores: Scores
) -> None:
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
    truth = context.raw.with_raw_label(context.build.read(row.key))
    for name, label in _rows(context, truth, answer):
        meter = scores.meters.setdefault((cell, name), context.meter(row))
        meter.add(truth.label, label, row.geometry)
        scores.counts[cell, f"row {name}"] += 1


def _rows(
    context: ScoringContext, truth: Truth, answer: images.Pixels | None
) -> Iterator[tuple[str, Any]]:
    """Name and label of each row: the model's answer, the trivial ones, the target's own."""
    row = truth.row
    if answer is not None:
        yield "prediction", label_of(row, answer)
    if context.trivial:
        prior = context.priors.get((row.source, row.task))
        if prior is not None:
            yield from prior.answers(truth, context.fold(row))
        yield from constant_answers(kind_of(row.task), truth)
        yield "copied input", label_of(row, truth.input())
    yield "ceiling", label_of(row, truth.target)
