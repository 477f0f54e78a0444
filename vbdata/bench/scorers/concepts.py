"""All instances of a phrase, each a mask: SAM 3's cgF1, with an oracle over several annotators.

As facebookresearch/sam3 has it (sam3/eval/cgf1_eval.py, run by scripts/eval/standalone_cgf1.py):

- a pair of image and phrase counts if every annotator has marked all of its instances
  (is_instance_exhaustive; vbdata: the phrase stands in `known` of every truth);
- answers below a confidence of 0.5 are dropped; answers and truth are assigned so that the sum of
  IoUs is the largest; TP, FP and FN at IoU 0.5, 0.55 ... 0.95;
- oracle: of several truths the one with the best mean of local F1 over thresholds counts; a later
  one only if it is better, but one that is empty as the answer is beats all before it;
- pm_f1: F1 of the TP, FP and FN of all pairs that have an instance; il_mcc: Matthews correlation of
  "there is one" and "one is answered" over all pairs; cgf1 = 100 pm_f1 il_mcc; all with the
  constants of that code (1e-4 in precision, recall and F1, 1e-6 in il_mcc).

Option of a variant, `crowds`: a truth's group that was not split is `dropped`, so that answers
inside of it are false positives, as that code does; or `ignored`: answers with more than half of
their pixels in it are dropped, too. Which of the two published numbers follow is open (its issue
585).

A truth is Segments, in which a pixel is of one instance, or (Segments, masks): then the masks count
as the file has them, overlapping or empty, and IoUs are those of pycocotools, as in that code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.bench.scorers.scorer import Results
from vbdata.core.labels import Segments
from vbdata.evaluation.metrics.ap import THRESHOLDS
from vbdata.evaluation.metrics.matching import Instances, Matrix, assigned
from vbdata.evaluation.metrics.meter import Value

CONFIDENT = 0.5
CROWDS = ("dropped", "ignored")
SMALL, TINY = 1e-4, 1e-6

Masks = Sequence[tuple[Mapping[str, Any], bool]]  # compressed RLE, and whether it is a group
Marked = Segments | tuple[Segments, Masks]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def f1_of(hits: Ints, false: Ints, missed: Ints) -> Floats:
    """float64[10]: the F1 of counts int64[10] with the constants of the official code."""
    precision, recall = hits / (hits + false + SMALL), hits / (hits + missed + SMALL)
    return np.asarray(2 * precision * recall / (precision + recall + SMALL), np.float64)


@dataclass
class _Scored:
    """A pair against one truth. counts: int64[3, 10], TP, FP, FN; both: presence of each."""

    counts: Ints
    wanted: bool
    painted: bool

    @property
    def empty(self) -> bool:
        """Whether neither truth nor answer has an instance."""
        return not self.wanted and not self.painted

    @property
    def local(self) -> Floats:
        """float64[10]: F1 of this pair alone."""
        if self.wanted and not self.painted:
            return np.zeros(len(THRESHOLDS))
        return f1_of(*self.counts)


@dataclass
class _Counts:
    """Sums over pairs. concept: int64[3, 10], of pairs with an instance; presence: int64[2, 2]."""

    concept: Ints = field(default_factory=lambda: np.zeros((3, len(THRESHOLDS)), np.int64))
    presence: Ints = field(default_factory=lambda: np.zeros((2, 2), np.int64))

    def add(self, one: _Scored) -> None:
        self.presence[int(one.wanted), int(one.painted)] += 1
        if one.wanted:
            self.concept += one.counts

    def merge(self, later: _Counts) -> None:
        self.concept += later.concept
        self.presence += later.presence

    def metrics(self) -> dict[str, Value]:
        if not self.presence.any():
            return {"cgf1": None, "pm_f1": None, "il_mcc": None, "il_f1": None, "pairs": 0.0}
        # cgf1 is the mean over thresholds of F1 x MCC, and MCC is the same at all of them
        by_limit = self._pm_f1()
        (tn, fp), (fn, tp) = self.presence.tolist()
        square = float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn)
        mcc = float(tp * tn - fp * fn) / (square**0.5 + TINY)
        precision, recall = tp / (tp + fp + TINY), tp / (tp + fn + TINY)
        return {
            "cgf1": 100 * float((by_limit * mcc).mean()),
            "pm_f1": float(by_limit.mean()),
            "pm_f1_50": float(by_limit[0]),
            "pm_f1_75": float(by_limit[5]),
            "il_mcc": mcc,
            "il_f1": 2 * precision * recall / (precision + recall + TINY),
            "pairs": float(self.presence.sum()),
        }

    def _pm_f1(self) -> Floats:
        hits, false, missed = self.concept
        return f1_of(hits, false, missed)


class ConceptsScorer:
    """Counts over pairs of image and phrase, by variant."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        self._crowds = {name: str(how.get("crowds", CROWDS[0])) for name, how in variants.items()}
        if wrong := set(self._crowds.values()) - set(CROWDS):
            raise ValueError(f"no protocol: crowds {sorted(wrong)}; known: {', '.join(CROWDS)}")
        self._counts = {name: _Counts() for name in variants}
        self._left_out = 0

    def add(
        self, truths: Sequence[Marked], answer: Instances, params: Mapping[str, Any]
    ) -> Results:
        """Add a pair; one whose phrase is not known in every truth is counted as left out."""
        phrase = str(params["class"])
        known = [each[0].known if isinstance(each, tuple) else each.known for each in truths]
        if any(phrase not in names for names in known):
            self._left_out += 1
            return {}
        found: dict[str, dict[str, Value]] = {}
        for name, crowds in self._crowds.items():
            best = oracle([scored(truth, answer, phrase, crowds) for truth in truths])
            self._counts[name].add(best)
            local = 1.0 if best.empty else float(best.local.mean())
            found[name] = {"cgf1": 100 * local, "pm_f1": local}
        return found

    def merge(self, later: ConceptsScorer) -> None:
        """Add what a later scorer of this kind has counted; in the order of the pairs."""
        self._left_out += later._left_out
        for name, counts in later._counts.items():
            self._counts[name].merge(counts)

    def result(self) -> Results:
        """cgf1, pm_f1 (also at 0.5 and 0.75), il_mcc, il_f1, pairs and left_out, by variant."""
        return {
            name: {**counts.metrics(), "left_out": float(self._left_out)}
            for name, counts in self._counts.items()
        }

    def per_class(self) -> Mapping[str, Value]:
        """An empty mapping: phrases are free text, not classes."""
        return {}


def oracle(found: Sequence[_Scored]) -> _Scored:
    """The truth that counts for a pair, as the official code chooses it."""
    best = found[0]
    for one in found[1:]:
        if one.empty or (not best.empty and one.local.mean() > best.local.mean()):
            best = one
    return best


def scored(truth: Marked, answer: Instances, phrase: str, crowds: str) -> _Scored:
    """An answer against one truth. crowds: one of CROWDS."""
    overlaps = _of_masks if isinstance(truth, tuple) else _of_segments
    iou = overlaps(truth, answer, phrase, crowds == "ignored")
    pairs = assigned(iou)
    hits = (pairs[None, :] >= THRESHOLDS[:, None]).sum(1)
    counts = np.stack([hits, iou.shape[1] - hits, iou.shape[0] - hits]).astype(np.int64)
    return _Scored(counts, iou.shape[0] > 0, iou.shape[1] > 0)


def _of_masks(truth: Any, answer: Instances, phrase: str, ignored: bool) -> Matrix:
    """IoU, float64[n true, m answered], of masks that may overlap, as pycocotools has it."""
    from pycocotools import mask as coder

    _, marked = truth
    wanted = [mask for mask, group in marked if not group]
    groups = [mask for mask, group in marked if group]
    ids = np.asarray(answer.ids)
    painted = [
        coder.encode(np.asfortranarray((ids == number).astype(np.uint8)))
        for number, sure in enumerate(answer.confidence, start=1)
        if sure >= CONFIDENT and (ids == number).any()
    ]
    if ignored and groups and painted:
        inside = np.asarray(coder.iou(painted, [coder.merge(groups)], [1]))[:, 0]
        painted = [mask for mask, share in zip(painted, inside, strict=True) if share <= 0.5]
    if not wanted or not painted:
        return np.zeros((len(wanted), len(painted)))
    return np.asarray(coder.iou(painted, wanted, [0] * len(wanted)), np.float64).T


def _of_segments(truth: Any, answer: Instances, phrase: str, ignored: bool) -> Matrix:
    """IoU, float64[n true, m answered], of a partition of the picture."""
    ids, painted = np.asarray(truth.ids), np.asarray(answer.ids)
    mine = [name == phrase for name in truth.classes]
    wanted = [k + 1 for k, crowd in enumerate(truth.crowds) if mine[k] and not crowd]
    groups = [k + 1 for k, crowd in enumerate(truth.crowds) if mine[k] and crowd]
    count = len(answer.confidence)
    table = np.bincount(
        ids.reshape(-1).astype(np.int64) * (count + 1) + painted.reshape(-1),
        minlength=(len(mine) + 1) * (count + 1),
    ).reshape(len(mine) + 1, count + 1)
    areas = table.sum(0)[1:]
    kept = (answer.confidence >= CONFIDENT) & (areas > 0)
    if ignored and groups:
        kept &= 2 * table[groups, 1:].sum(0) <= areas
    there = [k for k in wanted if table[k].sum()]
    both = table[there][:, 1:][:, kept]
    union = table[there].sum(1)[:, None] + areas[kept][None] - both
    return np.asarray(both / np.maximum(union, 1))
