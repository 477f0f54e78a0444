"""Answers that are judged elsewhere: how many there are, and how many are the input unchanged.

    answers      how many queries have one
    unchanged    share of them that show what the record has as its own picture, pixel by pixel

Which answer is better is for people, or for a model that judges; nothing of it is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vbdata.bench.scorers.scorer import Results
from vbdata.core import images
from vbdata.errors import BadSample
from vbdata.evaluation.metrics.meter import Value, ratio


class CollectedScorer:
    """Counts answers."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        if len(variants) != 1 or any(variants.values()):
            raise ValueError("answers that are collected have one variant, without options")
        (self._name,) = variants
        self._answers = self._unchanged = 0

    def add(self, truths: Sequence[Any], answer: Any, params: Mapping[str, Any]) -> Results:
        """Add an answer, uint8[H, W, 3]. truths: the record's own picture, or its texts."""
        same = _shows(truths[0], np.asarray(answer))
        self._answers += 1
        self._unchanged += same
        return {self._name: {"answers": 1.0, "unchanged": float(same)}}

    def merge(self, later: CollectedScorer) -> None:
        """Add what a later scorer of this kind has counted."""
        self._answers += later._answers
        self._unchanged += later._unchanged

    def result(self) -> Results:
        """answers and unchanged, under the variant."""
        share = ratio(self._unchanged, self._answers)
        return {self._name: {"answers": float(self._answers), "unchanged": share}}

    def per_class(self) -> Mapping[str, Value]:
        """An empty mapping: pictures have no classes."""
        return {}


def _shows(truth: Any, answer: images.Pixels) -> bool:
    """Whether a picture, bytes of a file or pixels, is what an answer shows; False for texts."""
    if isinstance(truth, bytes):
        try:
            truth = images.decode_shown(truth, "image")
        except BadSample:
            return False
    return isinstance(truth, np.ndarray) and np.array_equal(truth, answer)
