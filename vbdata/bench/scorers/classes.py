"""A fixed legend's classes by one confusion matrix of the whole set.

As cityscapesScripts has it (evaluation/evalPixelLevelSemanticLabeling.py, getIouScoreForLabel):
pixels whose true class the benchmark ignores are of no row or column. On all others, an answer of
no class of the legend (background, a colour that the decoder rejects, an ignored id) is a false
negative of the true class and a false positive of none. The mean is over the classes that truth or
answers have.

    miou             mean of the IoU over the legend's classes
    miou_categories  the same for groups of classes, where the variant names them (`categories`)
    pixel_accuracy   share of the counted pixels whose class is right
    unanswered       share of the counted pixels that are of no class in the answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.bench.scorers.scorer import Results
from vbdata.core.labels import Segments
from vbdata.evaluation.metrics.meter import Value, mean, ratio


class ClassesScorer:
    """How many pixels have each pair of true and answered class, by name."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        if len(variants) != 1:
            raise ValueError("classes have one protocol: give one variant")
        ((self._name, how),) = variants.items()
        self._categories: dict[str, list[str]] = dict(how.get("categories", {}))
        self._names: tuple[str, ...] = ()
        self._table: NDArray[np.int64] = np.zeros((0, 1), np.int64)

    def add(
        self, truths: Sequence[Segments], answer: Segments, params: Mapping[str, Any]
    ) -> Results:
        """Add an image; of several truths the first one counts.

        The legend's names must be those of the first image. Raises ValueError if they are not.
        """
        names = tuple(sorted(entry["name"] for entry in params["legend"]))
        if not self._names:
            self._names, self._table = names, np.zeros((len(names), len(names) + 1), np.int64)
        if names != self._names:
            raise ValueError("the legends of a benchmark have the same names")
        truth, none = truths[0], len(names)
        wanted = _places(truth, names)
        counted = np.asarray(truth.valid) & (wanted < none)
        painted = np.where(np.asarray(answer.valid), _places(answer, names), none)
        flat = wanted[counted] * (none + 1) + painted[counted]
        table = np.bincount(flat, minlength=none * (none + 1)).reshape(none, none + 1)
        self._table += table
        return {self._name: self._metrics(table)}

    def merge(self, later: ClassesScorer) -> None:
        """Add what a later scorer of this kind has counted; in the order of the images."""
        if not self._names:
            self._names, self._table = later._names, later._table.copy()
        elif later._names:
            self._table += later._table

    def result(self) -> Results:
        """miou, miou_categories (if any), pixel_accuracy and unanswered, under the variant."""
        return {self._name: self._metrics(self._table)}

    def per_class(self) -> Mapping[str, Value]:
        """The IoU of each class of the legend, None where neither truth nor answers have it."""
        return _ious(self._table, [[k] for k in range(len(self._names))], self._names)

    def _metrics(self, table: NDArray[np.int64]) -> dict[str, Value]:
        ious = _ious(table, [[k] for k in range(len(self._names))], self._names)
        values: dict[str, Value] = {"miou": mean(list(ious.values()))}
        if self._categories:
            groups = [
                [self._names.index(name) for name in members if name in self._names]
                for members in self._categories.values()
            ]
            by_group = _ious(table, groups, list(self._categories))
            values["miou_categories"] = mean(list(by_group.values()))
        pixels = int(table.sum())
        return values | {
            "pixel_accuracy": ratio(int(np.trace(table)), pixels),
            "unanswered": ratio(int(table[:, -1].sum()), pixels),
        }


def _places(label: Segments, names: Sequence[str]) -> NDArray[np.int64]:
    """int64[H, W]: the place of each pixel's class among the names, len(names) for any other."""
    of = [len(names), *(names.index(c) if c in names else len(names) for c in label.classes)]
    places: NDArray[np.int64] = np.array(of, np.int64)[np.asarray(label.ids)]
    return places


def _ious(
    table: NDArray[np.int64], groups: Sequence[Sequence[int]], names: Sequence[str]
) -> dict[str, Value]:
    """The IoU of each group of classes, by name; None if neither truth nor answers have it."""
    found: dict[str, Value] = {}
    for name, group in zip(names, groups, strict=True):
        inside = table[np.ix_(group, group)].sum()
        wanted, painted = table[group].sum(), table[:, group].sum()
        found[name] = ratio(int(inside), int(wanted + painted - inside))
    return found
