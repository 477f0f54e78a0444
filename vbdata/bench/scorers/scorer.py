"""What all scorers share.

A scorer takes one query at a time, its truths and the answer, and two merge into one; `result` has
every variant of the protocol. They see labels and arrays only: no build, no file, no benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vbdata.evaluation.metrics.meter import Value

Results = Mapping[str, Mapping[str, Value]]  # variant -> metric -> value


class Scorer(Protocol):
    """The scores of one kind of answer by all variants of a benchmark's protocol."""

    def add(self, truths: Sequence[Any], answer: Any, params: Mapping[str, Any]) -> Results:
        """Add a query; returns what its own scores are, by which answers are ranked.

        truths, answer: labels of one size [H, W]; params: those of the query's prompt.
        """

    def merge(self, later: Any) -> None:
        """Add what a later scorer of this kind has counted; in the order of the queries."""

    def result(self) -> Results:
        """Every metric of every variant; None for one that the queries do not define."""

    def per_class(self) -> Mapping[str, Value]:
        """The primary metric by class name; empty if the kind of answer has no classes."""
